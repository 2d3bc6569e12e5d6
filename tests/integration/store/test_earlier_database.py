"""A database that an earlier version filled loses no row, and its pending work is done.

The three files in `data/` were made by the code of commit af3a909. A script started an embedded
PostgreSQL, `adyen-twin serve --state`, `kasir serve` and `kasir worker`, and called them through
the demo's HTTP client for 32 days of the twin's clock: payments of every status, captures, refunds,
disputes, payment links, tokens, subscriptions, notifications of other payments. Then it stopped the
worker and moved the clock past the end of a subscription's period. It queried due work once, which
fills the job queue. It removed the bodies of the first day's notices and the events delivered in
the first hour, as the worker does with old rows. Then it wrote:

- `before.sql`: `pg_dump --rows-per-insert=1000`, without settings and comments. Long `bytea` values
  are in Base64, and only the last 21 rows of the job engine's log are kept;
- `before.json`: the answers of the API and the commands, the settings and the keys. `counts` has
  the number of rows per table. An item of `events` is [type, reference or shopper, the first 32
  digits of the SHA-256 of the event as JSON with sorted keys];
- `before_twin.json`: the twin's state file, without its log of deliveries and without answers to
  idempotency keys older than two hours.

The tests call only commands, the HTTP API and `kasir.Kasir`, so that they run unchanged when
modules move.
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
from kasir.demo.processes import free_port
from opened_kasir import EMPTY, a_database, until
from twin_fixtures import Shop, listening

DATA: Final = Path(__file__).parent / "data"
BEFORE: Final = json.loads((DATA / "before.json").read_text("utf-8"))
#: Tables to which opening the database may add rows.
MAY_GROW: Final = {"migration"}
AMOUNT: Final = 25_000


@dataclass(frozen=True, slots=True)
class Programs:
    """The earlier database, and the current programs that use it.

    Attributes:
        database: The DSN of the earlier database.
        url: Base URL of `kasir serve`.
        twin_url: Base URL of the twin, which has the earlier twin's state.
        shop: A server that receives the events.
        settings: The environment of Kasir's programs.
        http: The client of all calls.
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
        """Call Kasir as a shop does; return the status and the JSON."""
        headers = {"X-API-Key": api_key or self.settings["KASIR_API_KEY"]}
        if key:
            headers["Idempotency-Key"] = key
        async with self.http.request(method, self.url + path, json=body, headers=headers) as reply:
            return reply.status, await reply.json()

    async def get(self, path: str) -> Any:
        """GET a path and check that the status is 200; return the JSON."""
        status, found = await self.call("GET", path)
        assert status == 200, found
        return found

    async def pages(self, path: str, name: str) -> list[Any]:
        """Return all items of a list, `name`, that is served in pages."""
        found: list[Any] = []
        after: object = ""
        while after is not None:
            page = await self.get(f"{path}?limit=100" + (f"&after={after}" if after else ""))
            found += page[name]
            after = page.get("next")
        return found

    async def twin(self, method: str, path: str, body: object = None) -> Any:
        """Call a control of the twin."""
        async with self.http.request(method, self.twin_url + path, json=body) as reply:
            assert reply.status == 200, await reply.text()
            return await reply.json()

    async def newest(self, reference: str) -> dict[str, Any]:
        """Return the newest payment of a reference."""
        found: dict[str, Any] = (await self.get(f"/api/payments?reference={reference}"))[
            "payments"
        ][0]
        return found

    async def wait_for_fields(self, reference: str, **expected: object) -> None:
        """Wait until fields of the newest payment of a reference have these values."""

        async def are_expected() -> bool:
            payment = await self.newest(reference)
            return all(payment.get(name) == value for name, value in expected.items())

        await until(are_expected)

    async def row(self, query: str, *values: object) -> Any:
        """Return one row of the database."""
        connection = await asyncpg.connect(self.database)
        try:
            return await connection.fetchrow(query, *values)
        finally:
            await connection.close()

    async def value(self, query: str, *values: object) -> Any:
        """Return one value of the database."""
        return (await self.row(query, *values))[0]

    def command(self, *words: str) -> str:
        """Run a command and check that it succeeds; return its output."""
        done = kasir(*words, **self.settings)
        assert done.returncode == 0, done.stderr
        return done.stdout


@asynccontextmanager
async def started(postgres: str, folder: Path) -> AsyncIterator[Programs]:
    """Load the dump and start twin and server; the twin's clock starts at the time of the dump."""
    twin_port, port = free_port(), free_port()
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(a_database(postgres, EMPTY))
        await _load(database)
        stack.enter_context(_twin(_state_at_the_dump(folder), twin_port))
        shop = await stack.enter_async_context(listening())
        settings = {
            **BEFORE["settings"],
            "ADYEN_TWIN_URL": f"http://127.0.0.1:{twin_port}",
            "KASIR_DATABASE_URL": database,
            "KASIR_EVENTS_URL": shop.url,
            # The rows of the dump get older each day, and none may be removed for its age.
            "KASIR_KEEP_NOTICES_DAYS": "99999",
            "KASIR_KEEP_EVENTS_DAYS": "99999",
            "KASIR_KEEP_JOBS_DAYS": "99999",
        }
        http = await stack.enter_async_context(aiohttp.ClientSession())
        url, twin_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{twin_port}"
        programs = Programs(
            database=database, url=url, twin_url=twin_url, shop=shop, settings=settings, http=http
        )
        await until(lambda: _answers(http, f"{twin_url}/twin/health"))
        for name, path, key in (
            ("standard", "/webhooks/adyen", "ADYEN_HMAC_KEY"),
            ("tokens", "/webhooks/adyen/tokens", "ADYEN_TOKEN_HMAC_KEY"),
        ):
            endpoint = {"url": url + path, "hmacKey": settings[key]}
            await programs.twin("PUT", f"/twin/webhooks/{name}", endpoint)
        stack.enter_context(running("serve", "--port", str(port), **settings))
        until_ready(url)
        yield programs


async def _load(database: str) -> None:
    connection = await asyncpg.connect(database)
    try:
        await connection.execute((DATA / "before.sql").read_text("utf-8"))
    finally:
        await connection.close()


def _state_at_the_dump(folder: Path) -> Path:
    """Write the twin's state file so that its clock starts at the time of the dump."""
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
async def programs(
    postgres_dsn: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Programs]:
    """The earlier database for all tests that change nothing; no worker runs."""
    async with started(postgres_dsn, tmp_path_factory.mktemp("before")) as programs:
        yield programs


@pytest_asyncio.fixture
async def with_worker(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[Programs]:
    """The earlier database for one test, with a worker; the twin's simulated faults are removed."""
    async with started(postgres_dsn, tmp_path) as programs:
        await programs.twin("DELETE", "/twin/faults")
        with running("worker", **programs.settings):
            yield programs


def differences(was: Any, now: Any, at: str = "") -> list[str]:
    """List the values that changed or are missing; ignore fields that only `now` has."""
    if isinstance(was, dict) and isinstance(now, dict):
        return [
            line
            for name, value in was.items()
            for line in differences(value, now.get(name), f"{at}.{name}")
        ]
    if isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        return [
            line
            for number, (one, other) in enumerate(zip(was, now, strict=True))
            for line in differences(one, other, f"{at}[{number}]")
        ]
    return [] if _moment(was) == _moment(now) else [f"{at}: {was!r} is {now!r} now"]


def _moment(value: Any) -> Any:
    """Return the moment that a time names: the twin of today writes it in another zone."""
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return value


async def test_the_schema_is_up_to_date_once_the_server_runs(programs: Programs) -> None:
    done = programs.command("migrate")

    assert done == "up to date\n"


async def test_no_table_loses_a_row(programs: Programs) -> None:
    counts = {
        table: await programs.value(f'SELECT count(*) FROM "{table}"') for table in BEFORE["counts"]
    }
    fewer = {table: count for table, count in counts.items() if count < BEFORE["counts"][table]}
    more = {table for table, count in counts.items() if count > BEFORE["counts"][table]}

    assert fewer == {}
    assert more <= MAY_GROW


async def test_payments_are_unchanged(programs: Programs) -> None:
    now = {
        reference: (await programs.get(f"/api/payments?reference={reference}"))["payments"]
        for reference in BEFORE["payments"]
    }

    assert differences(BEFORE["payments"], now) == []


async def test_the_balances_in_the_payment_rows_are_unchanged(programs: Programs) -> None:
    # The API computes balances from the facts; queries read the copies in the payment's row.
    query = "SELECT status, captured, refunded FROM payment WHERE id = $1"
    expected = {
        payment["id"]: tuple(payment[name] for name in ("status", "captured", "refunded"))
        for payments in BEFORE["payments"].values()
        for payment in payments
    }
    now = {name: tuple(await programs.row(query, name)) for name in expected}

    assert expected == now


async def test_the_library_gives_every_payment_the_same_status(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in programs.settings.items():
        monkeypatch.setenv(name, text)
    async with Kasir.open() as library:
        now = {
            reference: [str(payment.status) for payment in await library.payments(reference)]
            for reference in BEFORE["payments"]
        }

    assert now == {
        reference: [payment["status"] for payment in payments]
        for reference, payments in BEFORE["payments"].items()
    }


async def test_plans_subscriptions_and_metrics_are_unchanged(programs: Programs) -> None:
    plans = await programs.get("/api/plans")
    now = {
        name: await programs.get(f"/api/subscriptions/{name}") for name in BEFORE["subscriptions"]
    }
    listed = await programs.pages("/api/subscriptions", "subscriptions")
    metrics = await programs.get(BEFORE["metrics_path"])

    assert differences(BEFORE["plans"], plans["plans"]) == []
    assert differences(BEFORE["subscriptions"], now) == []
    assert sorted(one["id"] for one in listed) == sorted(BEFORE["subscriptions"])
    assert differences(BEFORE["metrics"], metrics) == []


async def test_payment_links_and_tokens_are_unchanged(programs: Programs) -> None:
    links = {
        name: await programs.get(f"/v72/paymentLinks/{link['id']}")
        for name, link in BEFORE["links"].items()
    }
    stored = {
        shopper: await programs.get(f"/v72/storedPaymentMethods?shopperReference={shopper}")
        for shopper in BEFORE["stored"]
    }

    states = {one["id"]: one["state"] for one in BEFORE["tokens"]}
    query = "SELECT state FROM token WHERE id = $1"

    assert differences(BEFORE["links"], links) == []
    assert differences(BEFORE["stored"], stored) == []
    assert states == {name: await programs.value(query, name) for name in states}


async def test_events_and_the_states_of_their_delivery_are_unchanged(programs: Programs) -> None:
    events: list[Any] = []
    after = ""
    while True:
        page = await programs.get(f"/api/events?after={after}")
        if not page["events"]:
            break
        events += page["events"]
        after = page["next"]
    deliveries = {
        state: sorted(
            one["id"]
            for one in json.loads(
                programs.command("deliveries", "--state", state, "--most", "1000", "--json")
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


async def test_notices_and_failed_jobs_are_unchanged(programs: Programs) -> None:
    notices = await programs.pages("/api/notices", "notices")
    failed = json.loads(programs.command("jobs", "failed", "--json"))

    assert differences(BEFORE["notices"], notices) == []
    assert differences(BEFORE["failed_jobs"], failed) == []


async def test_an_api_key_still_works_and_a_withdrawn_one_still_does_not(
    programs: Programs,
) -> None:
    keys = BEFORE["api_keys"]
    statuses = [
        (await programs.call("GET", "/api/plans", api_key=keys[name]))[0]
        for name in ("good", "withdrawn")
    ]

    assert statuses == [200, 401]


async def test_an_idempotency_key_still_gives_the_first_answer(programs: Programs) -> None:
    earlier = BEFORE["asked"]
    status, answer = await programs.call(
        "POST", "/v72/payments", earlier["body"], key=earlier["key"]
    )

    assert (status, answer) == (200, earlier["answer"])


async def test_queued_jobs_are_run_and_the_due_renewal_is_charged_once(
    with_worker: Programs,
) -> None:
    # The queued jobs have taken all due rows, so no new job can do their work.
    queued = "SELECT count(*) FROM pgqueuer WHERE status IN ('queued', 'picked') AND id <= $1"
    last_id = await with_worker.value("SELECT max(id) FROM pgqueuer")
    await until(lambda: _is_zero(with_worker, queued, last_id))
    # Jobs `read_notices`, `ask_again` (three) and `close`:
    await with_worker.wait_for_fields("PAID-UNREAD", status="authorised", captured=AMOUNT)
    await with_worker.wait_for_fields("UNKNOWN", status="awaiting_shopper")
    await with_worker.wait_for_fields("ANSWER-LOST", status="awaiting_shopper")
    await with_worker.wait_for_fields("REFUND-UNKNOWN", refunded=5_000)
    await with_worker.wait_for_fields("ABANDONED", status="cancelled")
    # Job `deliver`: the shop refused this event earlier, and accepts it now.
    await until(lambda: _has_received(with_worker.shop, "DEAF-WAITING"))
    # Job `subscription`:
    (renewed,) = [
        name for name, one in BEFORE["subscriptions"].items() if one["reference"] == "SUB-DUE"
    ]

    async def is_paid() -> bool:
        found = await with_worker.get(f"/api/subscriptions/{renewed}")
        return [one["status"] for one in found.get("renewals", [])] == ["authorised"]

    await until(is_paid)
    charges = {
        reference: len(
            (await with_worker.twin("GET", f"/twin/payments?reference={reference}"))["payments"]
        )
        for reference in ("SUB-DUE-p2", "UNKNOWN", "ANSWER-LOST")
    }

    assert charges == {"SUB-DUE-p2": 1, "UNKNOWN": 1, "ANSWER-LOST": 1}


async def _is_zero(programs: Programs, query: str, *values: object) -> bool:
    return bool(await programs.value(query, *values) == 0)


async def _has_received(shop: Shop, reference: str) -> bool:
    return any(one.body["data"].get("reference") == reference for one in shop.received)


async def test_earlier_payments_can_be_refunded_and_earlier_tokens_charged(
    with_worker: Programs,
) -> None:
    paid = await with_worker.newest("APPROVED")
    part = await with_worker.newest("REFUND-PART")
    amount = {"currency": "IDR", "value": AMOUNT}
    refunded, _ = await with_worker.call(
        "POST", f"/v72/payments/{paid['pspReference']}/refunds", {"amount": amount}, key="a-refund"
    )
    too_much, refusal = await with_worker.call(
        "POST",
        f"/v72/payments/{part['pspReference']}/refunds",
        {"amount": {"currency": "IDR", "value": 15_001}},
    )
    awaiting = BEFORE["awaiting"]
    _, again = await with_worker.call(
        "POST", "/v72/payments", awaiting["body"], key=awaiting["key"]
    )
    shopper = {"url": again["action"]["url"], "do": "approve_without_return"}
    await with_worker.twin("POST", "/twin/wallet", shopper)
    charges = [
        await with_worker.call("POST", "/v72/payments", _charge(name), key=f"charge-{name}")
        for name in ("alice", "carol")
    ]

    assert refunded == 201
    assert (too_much, refusal["errorCode"]) == (422, "137")
    assert "15000 IDR" in refusal["message"]
    assert [charges[0][1]["resultCode"], charges[1][1]["errorCode"]] == ["Authorised", "803"]
    await with_worker.wait_for_fields("APPROVED", refunded=AMOUNT)
    await with_worker.wait_for_fields("AWAITING", status="authorised", captured=AMOUNT)
    await with_worker.wait_for_fields("CHARGE-alice", status="authorised", captured=AMOUNT)
    at_adyen = await with_worker.twin("GET", "/twin/payments?reference=APPROVED")
    assert [one["refunded"] for one in at_adyen["payments"]] == [AMOUNT]


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
