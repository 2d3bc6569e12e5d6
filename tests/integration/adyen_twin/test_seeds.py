"""A world is saved as a seed and loaded from one, as JSON or YAML."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from adyen_twin.core import seed as seed_file
from adyen_twin.core.seed import Seed, SeedError
from adyen_twin.core.twin import Twin
from adyen_twin.simulation import seeds
from integration.adyen_twin.test_command import COMMAND, call, running_twin
from twin_fixtures import KEY, RunningTwin, charge_body, listening, payment_body, serving, twin

__all__ = ["twin"]

WRITTEN = """\
clock: 2026-12-24T08:00:00Z
profile: midtrans
knobs:
  capture: manual
webhooks:
  standard:
    url: http://127.0.0.1:9/webhooks
    hmacKey: {key}
faults:
  - fault: refund_refused
wallets:
  shopper-1: {{account: "628110000001", balance: 30000}}
tokens:
  - storedPaymentMethodId: M5N7TQ4TG5PFWR50
    shopperReference: shopper-1
    models: [Subscription, CardOnFile]
""".format(key=f'"{KEY}"')


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a command until it ends."""
    return subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)


async def test_a_seed_that_a_person_wrote_is_a_world(twin: RunningTwin) -> None:
    blue = twin.world("blue")
    loaded = msgspec.to_builtins(msgspec.yaml.decode(WRITTEN, type=Seed))
    await blue.control("PUT", "seed", loaded)
    charges = [
        (await blue.api("/v72/payments", charge_body("M5N7TQ4TG5PFWR50"))).body["resultCode"]
        for _ in range(2)
    ]
    knobs = await blue.control("GET", "knobs")
    deliveries = await blue.control("GET", "deliveries")

    assert charges == ["Authorised", "Refused"]
    assert (knobs["capture"], knobs["paymentExpiryS"]) == ("manual", 900)
    assert (await blue.control("GET", "clock"))["now"].startswith("2026-12-24T08:00")
    assert (await blue.control("GET", "faults"))["faults"][0]["fault"] == "refund_refused"
    body = json.loads((deliveries["deliveries"] + deliveries["waiting"])[0]["body"])
    item = body["notificationItems"][0]["NotificationRequestItem"]
    assert item["eventDate"].startswith("2026-12-24T09:00")
    assert (await twin.control("GET", "tokens"))["count"] == 0


@pytest.mark.parametrize("name", ["world.json", "world.yaml", "world.yml"])
async def test_a_saved_world_is_the_same_when_it_is_loaded(
    twin: RunningTwin, tmp_path: Path, name: str
) -> None:
    blue = twin.world("blue")
    await blue.control("PUT", "knobs", {"modificationS": 60, "tokensTold": "never"})
    await blue.control("PUT", "reports", {"closeEveryS": 86400})
    await blue.control("PUT", "faults", [{"fault": "slow_reply", "seconds": 0, "times": 5}])
    async with listening() as endpoint:
        endpoint.answers = [500]
        setting = {"url": endpoint.url, "hmacKey": KEY, "username": "u", "password": "p"}
        await blue.control("PUT", "webhooks/standard", setting)
        token = await blue.saved()
        paid = await blue.paid()
        await blue.settle()
        refund = {"merchantAccount": "TwinMerchant", "amount": {"currency": "IDR", "value": 5}}
        await blue.api(f"/v72/payments/{paid}/refunds", refund)
        seed_file.write(msgspec.convert(await blue.control("GET", "seed"), Seed), tmp_path / name)
        copy = msgspec.to_builtins(seed_file.read(tmp_path / name))
        await twin.control("DELETE", "worlds/blue")
        red = twin.world("red")
        await red.control("PUT", "seed", copy)
        before = await red.control("GET", f"payments/{paid}")
        await red.settle(120)
        charged = await red.api("/v72/payments", charge_body(token))
        after = await red.control("GET", f"payments/{paid}")

    assert before["modifications"][-1]["outcome"] == "received"
    assert after["refunded"] == 5
    assert charged.body["resultCode"] == "Authorised"
    # The refused AUTHORISATION is sent again, from the queue of the copy, and then the others.
    assert [code for code, _ in endpoint.events][-2:] == ["REFUND", "AUTHORISATION"]
    assert (await red.control("GET", "wallets/shopper-1"))["balance"] == 9_950_000


async def test_a_saved_world_that_is_loaded_and_saved_again_is_the_same(twin: RunningTwin) -> None:
    await twin.saved()
    await twin.control("PUT", "wallets/shopper-2", {"state": "blocked"})
    await twin.pay()
    first = await twin.control("GET", "seed")
    await twin.world("copy").control("PUT", "seed", first)
    second = await twin.world("copy").control("GET", "seed")

    # The time goes on.
    assert first.pop("clock") <= second.pop("clock")
    assert second == first


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"knobs": {"capture": "never"}}, "knobs"),
        (
            {"knobs": {"answers": {"no_rule": {"status": 422, "errorCode": "1", "message": ""}}}},
            "knobs.answers.no_rule",
        ),
        ({"reports": {"missingColumns": ["No Such"]}}, "reports.missingColumns"),
        ({"reports": {"zone": 1}}, "reports"),
        ({"state": {"payments": []}}, "state"),
        ({"webhooks": {"other": {"url": "http://x", "hmacKey": None}}}, "webhooks.other"),
        ({"webhooks": {"standard": {"url": "ftp://x", "hmacKey": None}}}, "webhooks.standard.url"),
        (
            {"webhooks": {"standard": {"url": "http://x", "hmacKey": "12"}}},
            "webhooks.standard.hmacKey",
        ),
        (
            {
                "tokens": [
                    {"storedPaymentMethodId": "T", "shopperReference": "abc", "models": ["X"]}
                ]
            },
            "tokens[0].models",
        ),
        ({"tokens": [{"storedPaymentMethodId": "T"}]}, "tokens[0].shopperReference"),
        ({"profile": "stripe"}, "profile"),
        ({"colour": "blue"}, "colour"),
    ],
)
async def test_an_invalid_seed_names_its_field_and_changes_nothing(
    twin: RunningTwin, body: dict[str, Any], field: str
) -> None:
    await twin.paid()
    answer = await twin.call("PUT", "/twin/seed", body)

    assert (answer.status, answer.body["field"]) == (422, field)
    assert (await twin.control("GET", "payments"))["count"] == 1


@pytest.mark.parametrize(
    ("removed", "field"),
    [("webhooks", "state.queues.standard"), ("tokens", "state.payments.PSP.token")],
)
async def test_a_part_that_names_another_which_is_not_there_is_refused(
    twin: RunningTwin, removed: str, field: str
) -> None:
    setting = {"url": "http://127.0.0.1:9/closed", "hmacKey": KEY}
    await twin.control("PUT", "webhooks/standard", setting)
    await twin.saved()
    await twin.settle()
    saved = await twin.control("GET", "seed")
    (psp_reference,) = saved["state"]["payments"]
    answer = await twin.call("PUT", "/twin/seed", saved | {removed: type(saved[removed])()})

    assert answer.status == 422
    assert answer.body["field"] == field.replace("PSP", psp_reference)


async def test_a_seed_with_an_unknown_kind_of_task_is_refused(twin: RunningTwin) -> None:
    await twin.pay()
    saved = await twin.control("GET", "seed")
    saved["state"]["errands"][0]["kind"] = "pay_everybody"
    answer = await twin.call("PUT", "/twin/seed", saved)

    assert (answer.status, answer.body["field"]) == (422, "state.errands")


async def test_an_attempt_that_ends_after_a_reset_is_not_in_the_new_state(
    twin: RunningTwin,
) -> None:
    async with listening() as endpoint:
        endpoint.may_answer.clear()
        await twin.control("PUT", "webhooks/standard", {"url": endpoint.url, "hmacKey": None})
        await twin.paid()
        while not endpoint.received:
            await twin.control("GET", "health")
        await twin.control("POST", "reset")
        endpoint.may_answer.set()
        await twin.settle()

    assert (await twin.control("GET", "deliveries"))["count"] == 0


async def test_every_world_begins_with_the_seed_of_the_command() -> None:
    first = Twin()
    first.seed = msgspec.yaml.decode(WRITTEN, type=Seed)
    seeds.load(first, first.seed)
    async with serving(first) as twin:
        tokens = [await world.control("GET", "tokens") for world in (twin, twin.world("blue"))]

    assert [one["tokens"][0]["storedPaymentMethodId"] for one in tokens] == ["M5N7TQ4TG5PFWR50"] * 2


async def test_a_seed_has_the_merchant_accounts_of_its_world_only(twin: RunningTwin) -> None:
    blue = twin.world("blue")

    async def statuses() -> list[int]:
        return [
            (await blue.api("/v72/payments", payment_body(merchantAccount=account))).status
            for account in ("Warung", "Toko", "TwinMerchant")
        ]

    seed = {"merchantAccount": "Warung", "moreMerchantAccounts": ["Toko"]}
    await blue.control("PUT", "seed", seed)
    with_accounts = await statuses()
    await blue.control("PUT", "seed", {})

    assert (with_accounts, await statuses()) == ([200, 200, 403], [403, 403, 200])
    assert (await twin.api("/v72/payments", payment_body())).status == 200


async def test_the_reports_of_a_new_world_are_at_its_own_address() -> None:
    first = Twin()
    first.seed = Seed(reports={"closeEveryS": 86_400})
    async with serving(first) as twin:
        await twin.world("blue").paid()
        await twin.world("blue").settle(2 * 86_400)
        reports = (await twin.world("blue").control("GET", "reports"))["reports"]

    address = f"{first.reports_url}/worlds/blue/reports/download/"
    assert [report["url"].startswith(address) for report in reports] == [True, True]


async def test_the_tasks_of_a_seed_may_be_in_any_order(twin: RunningTwin) -> None:
    await twin.control("PUT", "knobs", {"paymentExpiryS": 60})
    await twin.pay(reference="SOON")
    await twin.control("PUT", "knobs", {"paymentExpiryS": 3600})
    await twin.pay(reference="LATER")
    saved = await twin.control("GET", "seed")
    saved["state"]["errands"].reverse()
    await twin.control("PUT", "seed", saved)
    await twin.settle(60)

    payments = (await twin.control("GET", "payments"))["payments"]
    assert {one["merchantReference"]: one["status"] for one in payments} == {
        "SOON": "expired",
        "LATER": "awaiting",
    }


async def test_a_call_that_ran_when_a_world_was_saved_can_be_repeated(twin: RunningTwin) -> None:
    url = await twin.pay(key="one-key")
    saved = await twin.control("GET", "seed")
    saved["state"]["replies"]["one-key"]["running"] = True
    await twin.control("PUT", "seed", saved)

    assert await twin.pay(key="one-key") == url


async def test_a_webhook_after_a_seed_has_a_number_of_its_own(twin: RunningTwin) -> None:
    setting = {"url": "http://127.0.0.1:9/closed", "hmacKey": KEY}
    await twin.control("PUT", "webhooks/standard", setting)
    empty = await twin.control("GET", "seed")
    numbers = []
    for _ in range(2):
        await twin.paid()
        numbers.append((await twin.control("GET", "deliveries"))["waiting"][0]["notice"])
        await twin.control("PUT", "seed", empty)

    assert numbers[0] < numbers[1]


def test_the_command_loads_a_seed_and_saves_a_world(tmp_path: Path) -> None:
    written, saved = tmp_path / "world.yaml", tmp_path / "saved.json"
    written.write_text(WRITTEN, encoding="utf-8")
    with running_twin("--world", str(written)) as (_, url):
        call(f"{url}/v72/payments", payment_body(), key="twin-api-key.blue")
        done = run(*COMMAND, "save", str(saved), "--url", f"{url}/worlds/blue")
    seed = seed_file.read(saved)

    assert (done.returncode, done.stderr) == (0, "")
    assert [token.stored_payment_method_id for token in seed.tokens] == ["M5N7TQ4TG5PFWR50"]
    assert len(seed.state["payments"]) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("colour: blue", "unknown field `colour`"),
        ("a: [", "did not find expected node content"),
        ("\udcff", "invalid leading UTF-8"),
    ],
)
def test_the_error_of_a_file_that_is_no_seed_is_one_line(
    tmp_path: Path, text: str, expected: str
) -> None:
    file = tmp_path / "world.yaml"
    file.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(SeedError) as caught:
        seed_file.read(file)

    assert str(caught.value).startswith(f"{file}: ")
    assert (expected in str(caught.value), str(caught.value).count("\n")) == (True, 0)


def test_the_command_names_the_wrong_field_of_a_seed(tmp_path: Path) -> None:
    file = tmp_path / "world.json"
    file.write_text('{"knobs": {"capture": "never"}}', encoding="utf-8")
    done = run(*COMMAND, "serve", "--port", "0", "--world", str(file))

    assert done.returncode == 1
    assert done.stderr.startswith(f"adyen-twin: {file}: knobs: Invalid enum value 'never'")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("serve", "--world", "/no/such/file.yaml"), "no such file"),
        (("serve", "--world", __file__, "--lenient"), "without --lenient"),
        (("save", "x.json", "--url", "file:///etc/passwd"), "no http or https address"),
    ],
)
def test_a_wrong_call_of_the_command_is_refused(options: tuple[str, ...], expected: str) -> None:
    done = run(*COMMAND, *options)

    assert (done.returncode, expected in done.stderr) == (2, True)


def test_a_world_of_no_twin_cannot_be_saved(tmp_path: Path) -> None:
    done = run(*COMMAND, "save", str(tmp_path / "x.json"), "--url", "http://127.0.0.1:9")

    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert not (tmp_path / "x.json").exists()


def test_a_missing_file_is_no_seed(tmp_path: Path) -> None:
    with pytest.raises(SeedError, match=r"none\.json: .*No such file"):
        seed_file.read(tmp_path / "none.json")
