"""A database filled by an earlier Kasir is opened by this one: nothing is lost, and work goes on.

The three files in `data/` were made by commit af3a909, before the use cases left the store. A
script started an embedded PostgreSQL, `adyen-twin serve --state`, `kasir serve` and `kasir worker`,
and called them through the demo's client for 33 days of the twin's clock: payments of every status,
captures, refunds, disputes, links, tokens, subscriptions, notifications of other payments. Then it
stopped the worker, moved the clock past a renewal, filled the job queue by one look for due work,
and wrote:

- `before.sql`: `pg_dump --rows-per-insert`, without settings and comments, long `bytea` in Base64;
- `before.json`: what that Kasir's API and commands answered, and the keys it ran with. `counts` are
  rows per table. `events` are [type, reference or shopper, SHA-256 of the sorted JSON, 32 digits];
- `before_twin.json`: the twin's state file, without its log of deliveries.

The tests use what does not move with the code: HTTP, commands, the library's `Kasir`, and SQL.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import aiohttp
import asyncpg
import pytest
import pytest_asyncio

from command import environment, kasir, running, until_ready
from kasir import Kasir
from kasir.demo.stage import free_port
from opened import a_database, until
from twin_fixtures import Shop, listening

DATA: Final = Path(__file__).parent / "data"
BEFORE: Final = json.loads((DATA / "before.json").read_text("utf-8"))
#: Rows that a migration adds by itself: the log of migrations.
GROWS: Final = {"migration"}
AMOUNT: Final = 25_000


@dataclass(frozen=True, slots=True)
class Opened:
    """The database of before, and the programs of now on it.

    Attributes:
        database: Its DSN.
        url: Where `kasir serve` answers.
        twin_url: Where the twin answers, which knows the payments of before.
        shop: Takes the events.
        settings: What Kasir's programs are started with.
        http: The caller's connections.
    """

    database: str
    url: str
    twin_url: str
    shop: Shop
    settings: Mapping[str, str]
    http: aiohttp.ClientSession

    async def call(
        self, method: str, path: str, body: object = None, *, key: str = "", api_key: str = ""
    ) -> tuple[int, Any]:
        """Call Kasir as a shop does; gives the status and the JSON."""
        headers = {"X-API-Key": api_key or self.settings["KASIR_API_KEY"]}
        if key:
            headers["Idempotency-Key"] = key
        async with self.http.request(method, self.url + path, json=body, headers=headers) as reply:
            return reply.status, await reply.json()

    async def get(self, path: str) -> Any:
        """What Kasir answers with 200."""
        status, found = await self.call("GET", path)
        assert status == 200, found
        return found

    async def pages(self, path: str, name: str) -> list[Any]:
        """Every member of a list that is given a page at a time."""
        found: list[Any] = []
        after: object = ""
        while after is not None:
            page = await self.get(f"{path}?limit=100" + (f"&after={after}" if after else ""))
            found += page[name]
            after = page.get("next")
        return found

    async def twin(self, method: str, path: str, body: object = None) -> Any:
        """Call one of the twin's controls."""
        async with self.http.request(method, self.twin_url + path, json=body) as reply:
            assert reply.status == 200, await reply.text()
            return await reply.json()

    async def newest(self, reference: str) -> dict[str, Any]:
        """The newest payment of a reference."""
        found: dict[str, Any] = (await self.get(f"/api/payments?reference={reference}"))[
            "payments"
        ][0]
        return found

    async def comes_to(self, reference: str, **wanted: object) -> None:
        """Wait until fields of the newest payment of a reference have these values."""

        async def look() -> bool:
            payment = await self.newest(reference)
            return all(payment.get(name) == value for name, value in wanted.items())

        await until(look)

    async def row(self, query: str, *values: object) -> Any:
        """One row of the database."""
        connection = await asyncpg.connect(self.database)
        try:
            return await connection.fetchrow(query, *values)
        finally:
            await connection.close()

    async def value(self, query: str, *values: object) -> Any:
        """One value of the database."""
        return (await self.row(query, *values))[0]

    def command(self, *words: str) -> str:
        """What a command prints that ends well."""
        done = kasir(*words, **self.settings)
        assert done.returncode == 0, done.stderr
        return done.stdout


@asynccontextmanager
async def opened(postgres: str, folder: Path) -> AsyncIterator[Opened]:
    """The database of before, opened by the code of now at the moment at which it was dumped."""
    twin_port, port = free_port(), free_port()
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(a_database(postgres))
        await _load(database)
        stack.enter_context(_twin(_state_at_the_dump(folder), twin_port))
        shop = await stack.enter_async_context(listening())
        settings = {
            **BEFORE["settings"],
            "ADYEN_TWIN_URL": f"http://127.0.0.1:{twin_port}",
            "KASIR_DATABASE_URL": database,
            "KASIR_EVENTS_URL": shop.url,
            # However long ago the dump was made, nothing of it is too old to be kept.
            "KASIR_KEEP_NOTICES_DAYS": "99999",
            "KASIR_KEEP_EVENTS_DAYS": "99999",
            "KASIR_KEEP_JOBS_DAYS": "99999",
        }
        http = await stack.enter_async_context(aiohttp.ClientSession())
        url, twin_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{twin_port}"
        it = Opened(database, url, twin_url, shop, settings, http)
        await until(lambda: _answers(http, f"{twin_url}/twin/health"))
        for name, path, key in (
            ("standard", "/webhooks/adyen", "ADYEN_HMAC_KEY"),
            ("tokens", "/webhooks/adyen/tokens", "ADYEN_TOKEN_HMAC_KEY"),
        ):
            endpoint = {"url": url + path, "hmacKey": settings[key]}
            await it.twin("PUT", f"/twin/webhooks/{name}", endpoint)
        stack.enter_context(running("serve", "--port", str(port), **settings))
        until_ready(url)
        yield it


async def _load(database: str) -> None:
    connection = await asyncpg.connect(database)
    try:
        await connection.execute((DATA / "before.sql").read_text("utf-8"))
    finally:
        await connection.close()


def _state_at_the_dump(folder: Path) -> Path:
    """The twin's state, by whose clock it is now the moment of the dump."""
    state = json.loads((DATA / "before_twin.json").read_text("utf-8"))
    state["advanced_s"] = datetime.fromisoformat(BEFORE["at"]).timestamp() - time.time()
    path = folder / "twin.json"
    path.write_text(json.dumps(state), "utf-8")
    return path


@contextmanager
def _twin(state: Path, port: int) -> Iterator[None]:
    program = [sys.executable, "-c", "from adyen_twin.cli import main; main()"]
    words = ["serve", "--port", str(port), "--state", str(state)]
    with subprocess.Popen([*program, *words], env=environment({})) as process:
        try:
            yield
        finally:
            process.kill()


async def _answers(http: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with http.get(url) as reply:
            return reply.status == 200
    except aiohttp.ClientError:
        return False


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def before(
    postgres_dsn: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Opened]:
    """Opened for all tests that only read; no worker is there."""
    async with opened(postgres_dsn, tmp_path_factory.mktemp("before")) as it:
        yield it


@pytest_asyncio.fixture
async def going_on(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[Opened]:
    """Opened for one test, with a worker; the calls that were lost before get through now."""
    async with opened(postgres_dsn, tmp_path) as it:
        await it.twin("DELETE", "/twin/faults")
        with running("worker", **it.settings):
            yield it


def missing(was: Any, now: Any, at: str = "") -> list[str]:
    """Where something that was there is not there now; what came to objects is no loss."""
    if isinstance(was, dict) and isinstance(now, dict):
        return [
            line
            for name, value in was.items()
            for line in missing(value, now.get(name), f"{at}.{name}")
        ]
    if isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        return [
            line
            for number, (one, other) in enumerate(zip(was, now, strict=True))
            for line in missing(one, other, f"{at}[{number}]")
        ]
    return [] if was == now else [f"{at}: {was!r} is {now!r} now"]


async def test_it_is_brought_up_to_date_once(before: Opened) -> None:
    done = before.command("migrate")

    assert done == "up to date\n"


async def test_no_table_lost_a_row(before: Opened) -> None:
    counts = {
        table: await before.value(f'SELECT count(*) FROM "{table}"') for table in BEFORE["counts"]
    }
    fewer = {table: count for table, count in counts.items() if count < BEFORE["counts"][table]}
    more = {table for table, count in counts.items() if count > BEFORE["counts"][table]}

    assert fewer == {}
    assert more <= GROWS


async def test_payments_stand_as_they_did(before: Opened) -> None:
    now = {
        reference: (await before.get(f"/api/payments?reference={reference}"))["payments"]
        for reference in BEFORE["payments"]
    }

    assert missing(BEFORE["payments"], now) == []


async def test_the_balances_in_the_rows_are_those_that_were_told(before: Opened) -> None:
    # The API adds the facts up anew; what reads the row itself must find the same there.
    query = "SELECT status, captured, refunded FROM payment WHERE id = $1"
    told = {
        payment["id"]: tuple(payment[name] for name in ("status", "captured", "refunded"))
        for payments in BEFORE["payments"].values()
        for payment in payments
    }
    now = {name: tuple(await before.row(query, name)) for name in told}

    assert now == told


async def test_the_library_says_the_same_of_every_payment(
    before: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in before.settings.items():
        monkeypatch.setenv(name, text)
    async with Kasir.open() as library:
        now = {
            reference: [one.status for one in await library.payments.payments_of(reference, 100)]
            for reference in BEFORE["payments"]
        }

    assert now == {
        reference: [payment["status"] for payment in payments]
        for reference, payments in BEFORE["payments"].items()
    }


async def test_plans_and_subscriptions_stand_as_they_did(before: Opened) -> None:
    plans = await before.get("/api/plans")
    now = {name: await before.get(f"/api/subscriptions/{name}") for name in BEFORE["subscriptions"]}
    listed = await before.pages("/api/subscriptions", "subscriptions")
    metrics = await before.get(BEFORE["metrics_path"])

    assert missing(BEFORE["plans"], plans["plans"]) == []
    assert missing(BEFORE["subscriptions"], now) == []
    assert sorted(one["id"] for one in listed) == sorted(BEFORE["subscriptions"])
    assert missing(BEFORE["metrics"], metrics) == []


async def test_links_and_saved_wallets_stand_as_they_did(before: Opened) -> None:
    links = {
        name: await before.get(f"/v72/paymentLinks/{link['id']}")
        for name, link in BEFORE["links"].items()
    }
    stored = {
        shopper: await before.get(f"/v72/storedPaymentMethods?shopperReference={shopper}")
        for shopper in BEFORE["stored"]
    }

    states = {one["id"]: one["state"] for one in BEFORE["tokens"]}
    query = "SELECT state FROM token WHERE id = $1"

    assert missing(BEFORE["links"], links) == []
    assert missing(BEFORE["stored"], stored) == []
    assert states == {name: await before.value(query, name) for name in states}


async def test_events_are_the_same_to_the_letter_and_as_far_on_their_way(before: Opened) -> None:
    events: list[Any] = []
    after = ""
    while True:
        page = await before.get(f"/api/events?after={after}")
        if not page["events"]:
            break
        events += page["events"]
        after = page["next"]
    deliveries = {
        state: sorted(
            one["id"]
            for one in json.loads(
                before.command("deliveries", "--state", state, "--most", "1000", "--json")
            )
        )
        for state in BEFORE["deliveries"]
    }

    assert [_digest(event) for event in events] == BEFORE["events"]
    assert deliveries == BEFORE["deliveries"]


def _digest(event: Mapping[str, Any]) -> list[str]:
    text = json.dumps(event, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    about = event["data"].get("reference") or event["data"]["shopperReference"]
    return [event["type"], about, hashlib.sha256(text.encode()).hexdigest()[:32]]


async def test_notices_and_failed_jobs_are_shown_as_they_were(before: Opened) -> None:
    notices = await before.pages("/api/notices", "notices")
    failed = json.loads(before.command("jobs", "failed", "--json"))

    assert missing(BEFORE["notices"], notices) == []
    assert missing(BEFORE["failed_jobs"], failed) == []


async def test_keys_let_in_whom_they_did(before: Opened) -> None:
    keys = BEFORE["api_keys"]
    said = [
        (await before.call("GET", "/api/plans", api_key=keys[name]))[0]
        for name in ("good", "withdrawn")
    ]

    assert said == [200, 401]


async def test_a_shops_key_from_before_gives_the_first_answer(before: Opened) -> None:
    asked = BEFORE["asked"]
    status, answer = await before.call("POST", "/v72/payments", asked["body"], key=asked["key"])

    assert (status, answer) == (200, asked["answer"])


async def test_jobs_that_were_queued_are_run_and_what_was_due_is_done_once(
    going_on: Opened,
) -> None:
    waiting = "SELECT count(*) FROM pgqueuer WHERE status = 'queued' AND id <= $1"
    last = await going_on.value("SELECT max(id) FROM pgqueuer")
    assert sum(BEFORE["jobs"].values()) > 0

    await until(lambda: _is_zero(going_on, waiting, last))
    # `read_notices`, `ask_again` thrice, and `close`.
    await going_on.comes_to("PAID-UNREAD", status="authorised", captured=AMOUNT)
    await going_on.comes_to("UNKNOWN", status="awaiting_shopper")
    await going_on.comes_to("ANSWER-LOST", status="awaiting_shopper")
    await going_on.comes_to("REFUND-UNKNOWN", refunded=5_000)
    await going_on.comes_to("ABANDONED", status="cancelled")
    # `deliver`: the shop takes now what it would not take before.
    await until(lambda: _has_taken(going_on.shop, "DEAF-WAITING"))
    # `subscription`: the renewal that was due.
    (renewed,) = [
        name for name, one in BEFORE["subscriptions"].items() if one["reference"] == "SUB-DUE"
    ]

    async def is_paid() -> bool:
        found = await going_on.get(f"/api/subscriptions/{renewed}")
        return [one["status"] for one in found.get("renewals", [])] == ["authorised"]

    await until(is_paid)
    charges = {
        reference: len(
            (await going_on.twin("GET", f"/twin/payments?reference={reference}"))["payments"]
        )
        for reference in ("SUB-DUE-p2", "UNKNOWN", "ANSWER-LOST")
    }

    assert charges == {"SUB-DUE-p2": 1, "UNKNOWN": 1, "ANSWER-LOST": 1}


async def _is_zero(it: Opened, query: str, *values: object) -> bool:
    return bool(await it.value(query, *values) == 0)


async def _has_taken(shop: Shop, reference: str) -> bool:
    return any(one.body["data"].get("reference") == reference for one in shop.received)


async def test_payments_and_tokens_of_before_can_be_changed_and_charged(going_on: Opened) -> None:
    paid = await going_on.newest("APPROVED")
    part = await going_on.newest("REFUND-PART")
    amount = {"currency": "IDR", "value": AMOUNT}
    refunded, _ = await going_on.call(
        "POST", f"/v72/payments/{paid['pspReference']}/refunds", {"amount": amount}, key="a-refund"
    )
    too_much, said = await going_on.call(
        "POST",
        f"/v72/payments/{part['pspReference']}/refunds",
        {"amount": {"currency": "IDR", "value": 15_001}},
    )
    awaiting = BEFORE["awaiting"]
    _, again = await going_on.call("POST", "/v72/payments", awaiting["body"], key=awaiting["key"])
    shopper = {"url": again["action"]["url"], "do": "approve_without_return"}
    await going_on.twin("POST", "/twin/wallet", shopper)
    charges = [
        await going_on.call("POST", "/v72/payments", _charge(name), key=f"charge-{name}")
        for name in ("alice", "carol")
    ]

    assert refunded == 201
    assert (too_much, said["errorCode"]) == (422, "137")
    assert "at most 15000 IDR" in said["message"]
    assert [charges[0][1]["resultCode"], charges[1][1]["errorCode"]] == ["Authorised", "803"]
    await going_on.comes_to("APPROVED", refunded=AMOUNT)
    await going_on.comes_to("AWAITING", status="authorised", captured=AMOUNT)
    await going_on.comes_to("CHARGE-alice", status="authorised", captured=AMOUNT)
    truth = await going_on.twin("GET", "/twin/payments?reference=APPROVED")
    assert [one["refunded"] for one in truth["payments"]] == [AMOUNT]


def _charge(name: str) -> dict[str, Any]:
    return {
        "amount": {"currency": "IDR", "value": AMOUNT},
        "reference": f"CHARGE-{name}",
        "paymentMethod": {"storedPaymentMethodId": BEFORE["stored_ids"][name]},
        "shopperReference": f"shopper-{name}",
        "shopperInteraction": "ContAuth",
        "recurringProcessingModel": "Subscription",
        "returnUrl": "https://shop.example/return",
    }
