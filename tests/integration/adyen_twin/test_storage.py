"""A state file of an older version is loaded, and its tasks and webhooks are carried out.

The twin at commit 1b50f2c wrote `state_of_0_1.json`, before names in the code changed. The file
has a task of every kind, and webhooks that were queued, held back, delayed, lost or wrongly
signed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from adyen_twin.core import storage
from adyen_twin.core.twin import Twin
from adyen_twin.protocol import signing
from adyen_twin.simulation import tasks
from twin_fixtures import KEY, OTHER_KEY, listening, serving

FILE = Path(__file__).parent / "state_of_0_1.json"
#: Unused fields of a payment, which later versions do not write.
REMOVED = ("channel", "decided_at")
#: What later versions added: to the state, to an endpoint, and the kinds of tasks. A wallet
#: has `spent` too, and a payment `taken`.
ADDED = ("books", "reports")
ADDED_TO_ENDPOINTS = ("communicationFormat", "includeEventCodes", "id", "type", "other")
ADDED_TASKS = {"announce_report", "close_batch"}


def _without_added(state: dict[str, Any]) -> dict[str, Any]:
    for name in ADDED:
        del state[name]
    for endpoint in state["endpoints"].values():
        for name in ADDED_TO_ENDPOINTS:
            del endpoint[name]
    for wallet in state["wallets"].values():
        del wallet["spent"]
    for payment in state["payments"].values():
        del payment["taken"]
    return state


def test_the_names_in_the_state_file_have_not_changed() -> None:
    expected = json.loads(FILE.read_bytes())
    for payment in expected["payments"].values():
        for name in REMOVED:
            del payment[name]

    assert _without_added(json.loads(msgspec.json.encode(storage.load(FILE)))) == expected


def test_the_older_state_file_has_a_task_of_every_kind() -> None:
    assert {task.kind for task in storage.load(FILE).tasks} == tasks.HANDLERS.keys() - ADDED_TASKS


async def test_tasks_and_webhooks_of_an_older_state_file_are_carried_out() -> None:
    state = storage.load(FILE)
    async with serving(Twin(state=state)) as twin, listening() as shop, listening() as token_shop:
        for name, url, key in (("standard", shop.url, KEY), ("tokens", token_shop.url, OTHER_KEY)):
            await twin.control("PUT", f"webhooks/{name}", {"url": url, "hmacKey": key})
        # All tasks are due by then, and no webhook is retried after thirty days.
        await twin.settle(31 * 24 * 3600)
        deliveries = await twin.control("GET", "deliveries")

    items = [webhook.item for webhook in shop.received]
    wrongly_signed = {
        item["merchantReference"]
        for item in items
        if item["additionalData"]["hmacSignature"] != signing.sign_item(item, KEY)
    }
    assert (state.tasks, deliveries["waiting"]) == ([], [])
    assert sorted(
        (item["merchantReference"], item["eventCode"], item["success"]) for item in items
    ) == [
        ("CAPTURE", "AUTHORISATION", "true"),
        ("CAPTURE", "CAPTURE_FAILED", "true"),
        ("CHARGE", "AUTHORISATION", "true"),
        ("CLOSED", "AUTHORISATION", "true"),
        ("CLOSED", "OFFER_CLOSED", "true"),
        ("DELAYED", "AUTHORISATION", "true"),
        ("FALSE-TRUE", "AUTHORISATION", "false"),
        ("FALSE-TRUE", "AUTHORISATION", "true"),
        ("HELD", "AUTHORISATION", "true"),
        ("NEVER-CAME", "TECHNICAL_CANCEL", "false"),
        ("OPEN", "OFFER_CLOSED", "true"),
        ("REFUND", "AUTHORISATION", "true"),
        ("REFUND", "REFUND", "true"),
        ("SAVES", "AUTHORISATION", "true"),
        ("TRUE-FALSE", "AUTHORISATION", "false"),
        ("TRUE-FALSE", "AUTHORISATION", "true"),
        ("UNCAPTURED", "AUTHORISATION", "true"),
        ("UNCAPTURED", "EXPIRE", "true"),
        ("WRONG", "AUTHORISATION", "true"),
    ]
    assert wrongly_signed == {"WRONG"}
    assert [webhook.body["type"] for webhook in token_shop.received] == ["recurring.token.created"]
