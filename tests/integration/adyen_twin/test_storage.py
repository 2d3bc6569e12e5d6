"""A state file of an older version is loaded, and the work that was left in it is done.

`state_of_0_1.json` was written by the twin at commit 1b50f2c, before names in the code changed:
with a task of every kind, webhooks that were queued, held back, delayed, lost and badly signed.
"""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from adyen_twin.core import storage
from adyen_twin.core.twin import Twin
from adyen_twin.protocol import signing
from adyen_twin.simulation import tasks
from twin_fixtures import KEY, OTHER_KEY, listening, serving

FILE = Path(__file__).parent / "state_of_0_1.json"
#: Fields of a payment that nothing used.
REMOVED = ("channel", "decided_at")


def test_the_names_in_the_file_are_the_same() -> None:
    expected = json.loads(FILE.read_bytes())
    for payment in expected["payments"].values():
        for name in REMOVED:
            del payment[name]

    assert json.loads(msgspec.json.encode(storage.load(FILE))) == expected


def test_it_has_a_task_of_every_kind() -> None:
    assert {task.kind for task in storage.load(FILE).tasks} == tasks.HANDLERS.keys()


async def test_what_was_left_to_do_is_done() -> None:
    state = storage.load(FILE)
    async with serving(Twin(state=state)) as twin, listening() as shop, listening() as token_shop:
        for name, url, key in (("standard", shop.url, KEY), ("tokens", token_shop.url, OTHER_KEY)):
            await twin.control("PUT", f"webhooks/{name}", {"url": url, "hmacKey": key})
        await twin.settle(31 * 24 * 3600)
        left = await twin.control("GET", "deliveries")

    items = [webhook.item for webhook in shop.received]
    badly_signed = {
        item["merchantReference"]
        for item in items
        if item["additionalData"]["hmacSignature"] != signing.sign_item(item, KEY)
    }
    assert (state.tasks, left["waiting"]) == ([], [])
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
    assert badly_signed == {"WRONG"}
    assert [webhook.body["type"] for webhook in token_shop.received] == ["recurring.token.created"]
