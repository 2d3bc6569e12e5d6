"""The rate of renewals through the whole flow, and the cost of a search for due work.

A renewal is found by index, decided, written and charged at the twin. Then its notification is
received and read, and its event is written. The rate of renewals is compared with the rate at which
the same HTTP client charges tokens at the same twin. The search runs over few and over many
subscriptions, of which the same number is due.
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import aiohttp
import asyncpg
from bench import messages
from bench.figures import Result, Target, medians
from bench.site import API_KEY, HMAC_KEY, MERCHANT, TWIN_KEY, Server, Site, SiteError

from kasir.jobs.due_subscriptions import DueSubscriptions
from kasir.store.database import Connection

#: The HMAC key of token webhooks.
_TOKEN_KEY: Final = "ab" * 32
_MONTH_S: Final = 31 * 86_400
#: The twin sends token webhooks within this time.
_SETTLED_S: Final = 60
_WITHIN_S: Final = 300
_POLL_S: Final = 0.05
#: How many calls run at the same time; a worker runs as many jobs.
_AT_ONCE: Final = 10
#: How many subscriptions a search finds, and the time of all searches.
_DUE: Final = 100
_NOW: Final = datetime(2027, 1, 1, tzinfo=UTC)

#: The reference of a first renewal ends with -p2, because the sign-up paid period 1.
_PAID: Final = "SELECT count(*) FROM renewal WHERE outcome = 'paid' AND reference LIKE '%-p2'"
_EVENTS: Final = "SELECT count(*) FROM event WHERE type = 'renewal.succeeded'"
_UNREAD: Final = "SELECT count(*) FROM notice WHERE state = 'unread'"
_READ: Final = "SELECT count(*) FROM notice WHERE state = 'read'"
_ACTIVE: Final = "SELECT count(*) FROM subscription WHERE state = 'active'"
#: Adds the plan of all subscriptions.
_PLAN: Final = """
    INSERT INTO plan VALUES ('pln', 'P', 'IDR', 50000, 'month', 1, 'Asia/Jakarta', 0, 1, NULL,
                             'cancel', 0, now())
"""
#: Adds subscriptions $1 to $2, each due a minute after the one before; the first after $3.
_GROW: Final = """
    INSERT INTO subscription (id, plan_id, reference, shopper_reference, return_url, created_at,
                              state, minor_units, settled_period, due_at)
    SELECT 'sub_' || n, 'pln', 'R' || n, 'S' || n, 'https://shop.example', now(), 'active', 50000,
           1, $3::timestamptz + n * interval '1 minute'
    FROM generate_series($1::int, $2::int) AS n
"""
#: Makes the subscriptions $2 due at $1.
_MOVE: Final = "UPDATE subscription SET due_at = $1, taken_until = NULL WHERE id = ANY ($2)"


@dataclass(frozen=True, slots=True)
class _Shop:
    """A shop that sells subscriptions, through a running Kasir, to shoppers at the twin."""

    http: aiohttp.ClientSession
    kasir: Server
    twin: Server
    tls: ssl.SSLContext

    async def call(self, method: str, url: str, body: Any, key: str = API_KEY) -> Any:
        """Call Kasir or the twin; an error ends the benchmark."""
        tls = self.tls if url.startswith("https") else True
        headers = {"X-API-Key": key}
        async with self.http.request(method, url, json=body, headers=headers, ssl=tls) as reply:
            if reply.status >= 400:  # noqa: PLR2004  # Any HTTP error.
                raise SiteError(f"{url}: {reply.status} {await reply.text()}")
            return await reply.json()

    async def advance(self, seconds: float) -> None:
        """Advance the twin's clock, which Kasir's clock follows."""
        await self.call("POST", f"{self.twin.url}/twin/clock", {"advance_s": seconds})

    async def sign_up(self, plan: str, name: str) -> None:
        """Sign a shopper up and pay the first period."""
        payment = messages.payment(name)
        fields = ("channel", "browserInfo", "returnUrl", "shopperReference")
        body = {"plan": plan, "reference": name, **{field: payment[field] for field in fields}}
        reply = await self.call("POST", f"{self.kasir.url}/api/subscriptions", body)
        approval = {"url": reply["payment"]["action"]["url"], "do": "approve_without_return"}
        await self.call("POST", f"{self.twin.url}/twin/wallet", approval)

    async def charge(self, name: str, token: str) -> None:
        """Charge a token at the twin, without Kasir."""
        body = {
            "merchantAccount": MERCHANT,
            "amount": {"currency": "IDR", "value": 50_000},
            "reference": f"plain-{name}",
            "paymentMethod": {"storedPaymentMethodId": token},
            "shopperReference": f"shopper-{name}",
            "shopperInteraction": "ContAuth",
            "recurringProcessingModel": "Subscription",
            "returnUrl": "https://shop.example",
        }
        await self.call("POST", f"{self.twin.url}/v72/payments", body, TWIN_KEY)


def renewals(site: Site) -> list[Result]:
    """Divide renewals per second by the plain charges per second of the same client."""
    rounds = [_run(site, site.size(500, 60)) for _ in range(site.size(3, 1))]
    ratios = [each["renewals, per s"] / each["plain charges, per s"] for each in rounds]
    return [Result(row="renewals", ratios=ratios, parts=medians(rounds))]


def searches(site: Site) -> list[Result]:
    """Divide the time of a search among many subscriptions by that among few."""
    few, many = site.size(10_000, 2_000), site.size(1_000_000, 20_000)
    with site.database() as small, site.database() as large, site.kasir(small), site.kasir(large):
        rounds = asyncio.run(_search_rounds(small, few, large, many, site.size(60, 10)))
    ratios = [each["many, ms"] / each["few, ms"] for each in rounds]
    target = Target(1.2, is_ceiling=True)
    return [Result(row="renewals-look", ratios=ratios, target=target, parts=medians(rounds))]


def _run(site: Site, size: int) -> dict[str, float]:
    """Start the programs, and measure one round."""
    more = {"ADYEN_TOKEN_HMAC_KEY": _TOKEN_KEY, "KASIR_FOLLOW_TWIN_CLOCK": "1"}
    with site.database() as dsn, site.twin() as twin:
        settings = {**site.settings(dsn, twin.url), **more}
        with (
            site.served("kasir", lambda port: _serve(site, port), settings) as kasir,
            site.program("worker", site.kasir_command("worker"), settings),
        ):
            return asyncio.run(_measure(site, dsn, kasir, twin, size))


def _serve(site: Site, port: int) -> Sequence[str]:
    return site.kasir_command("serve", "--port", str(port))


async def _measure(
    site: Site, dsn: str, kasir: Server, twin: Server, size: int
) -> dict[str, float]:
    """Measure the renewals of `size` subscriptions, and as many plain charges."""
    database = await asyncpg.connect(dsn)
    try:
        async with aiohttp.ClientSession() as http:
            shop = _Shop(http=http, kasir=kasir, twin=twin, tls=site.tls())
            names = [f"{secrets.token_hex(4)}-{number}" for number in range(size)]
            await _sign_up_all(shop, names, lambda: database.fetchval(_ACTIVE))
            rate = await _renew_all(shop, database, size)
            return {"renewals, per s": rate, "plain charges, per s": await _charge_all(shop, names)}
    finally:
        await database.close()


async def _sign_up_all(
    shop: _Shop, names: Sequence[str], count_active: Callable[[], Awaitable[int]]
) -> None:
    """Set the twin's webhooks, create a plan, and sign all shoppers up."""
    for kind, path, key in (
        ("standard", "adyen", HMAC_KEY),
        ("tokens", "adyen/tokens", _TOKEN_KEY),
    ):
        hook = {"url": f"{shop.kasir.url}/webhooks/{path}", "hmacKey": key}
        await shop.call("PUT", f"{shop.twin.url}/twin/webhooks/{kind}", hook)
    fields = {
        "reference": "BENCH",
        "amount": {"currency": "IDR", "value": 50_000},
        "interval": {"unit": "month", "count": 1},
        "noticeDays": 0,
    }
    plan = (await shop.call("POST", f"{shop.kasir.url}/api/plans", fields))["id"]
    await _at_once(names, lambda name: shop.sign_up(plan, name))
    await shop.advance(_SETTLED_S)
    await _until(count_active, len(names), "subscriptions did not become active")


async def _renew_all(shop: _Shop, database: Any, size: int) -> float:
    """Advance a month; return renewals per second, measured until all notifications are read."""
    before = await database.fetchval(_READ)
    began = time.perf_counter()
    await shop.advance(_MONTH_S)
    await _until(lambda: database.fetchval(_PAID), size, "renewals were not paid")
    await _until(lambda: database.fetchval(_READ), before + size, "notifications were not read")
    seconds = time.perf_counter() - began
    events, unread = await database.fetchval(_EVENTS), await database.fetchval(_UNREAD)
    if (events, unread) != (size, 0):
        raise SiteError(f"{events} renewals have an event, and {unread} notifications are unread")
    return size / seconds


async def _charge_all(shop: _Shop, names: Sequence[str]) -> float:
    """Charge every token once more at the twin, without webhooks; return charges per second."""
    for kind in ("standard", "tokens"):
        await shop.call("DELETE", f"{shop.twin.url}/twin/webhooks/{kind}", None)
    tokens = (await shop.call("GET", f"{shop.twin.url}/twin/tokens", None))["tokens"]
    token_of = {token["shopperReference"]: token["storedPaymentMethodId"] for token in tokens}
    began = time.perf_counter()
    await _at_once(names, lambda name: shop.charge(name, token_of[f"shopper-{name}"]))
    return len(names) / (time.perf_counter() - began)


async def _at_once(names: Sequence[str], do: Callable[[str], Awaitable[None]]) -> None:
    """Call `do` with each name, `_AT_ONCE` calls at a time."""
    gate = asyncio.Semaphore(_AT_ONCE)

    async def do_one(name: str) -> None:
        async with gate:
            await do(name)

    await asyncio.gather(*(do_one(name) for name in names))


async def _until(count: Callable[[], Awaitable[int]], wanted: int, otherwise: str) -> None:
    """Wait until a count is reached.

    Raises:
        SiteError: The count is not reached in time.
    """
    deadline = time.monotonic() + _WITHIN_S
    while await count() < wanted:
        if time.monotonic() > deadline:
            raise SiteError(f"after {_WITHIN_S} s {otherwise}")
        await asyncio.sleep(_POLL_S)


class _Clock:
    """A clock that always returns the same moment."""

    def now(self) -> datetime:
        return _NOW


async def _search_rounds(
    small: str, few: int, large: str, many: int, rounds: int
) -> list[dict[str, float]]:
    async with asyncpg.create_pool(small) as small_pool, asyncpg.create_pool(large) as large_pool:
        await _fill(small_pool, few)
        await _fill(large_pool, many)
        for pool in (small_pool, large_pool):
            await _search_ms(pool)  # A warm-up.
        return [
            await _search_both(small_pool, large_pool, swapped=number % 2 == 1)
            for number in range(rounds)
        ]


async def _search_both(small_pool: Any, large_pool: Any, *, swapped: bool) -> dict[str, float]:
    """Search both; `swapped` changes the order, because a warm cache may help the second search."""
    pools = {"few, ms": small_pool, "many, ms": large_pool}
    order = reversed(pools) if swapped else pools
    return {name: await _search_ms(pools[name]) for name in order}


async def _fill(pool: Any, size: int) -> None:
    """Fill a database with subscriptions, none of them due."""
    await pool.execute(_PLAN)
    await pool.execute(_GROW, 1, size, _NOW + timedelta(days=1))
    await pool.execute("VACUUM ANALYZE subscription")


async def _search_ms(pool: Any) -> float:
    """Make a hundred subscriptions due; return the milliseconds of a search that finds them."""
    names = [f"sub_{number}" for number in range(1, _DUE + 1)]
    await pool.execute(_MOVE, _NOW, names)
    due = DueSubscriptions(
        pool=pool,
        clock=_Clock(),
        enqueue=_drop,
        merchant_account=MERCHANT,
        again_after=timedelta(days=1),
        batch_max=_DUE,
        per_s_max=1e6,
    )
    began = time.perf_counter()
    found = await due.look()
    search_ms = (time.perf_counter() - began) * 1000
    if found != _DUE:
        raise SiteError(f"a search found {found} of {_DUE}")
    await pool.execute(_MOVE, _NOW + timedelta(days=1), names)  # A turn does the same.
    return search_ms


async def _drop(_: Connection, __: str, ___: Sequence[bytes]) -> None:
    """Drop every job, because the cost of jobs is not part of the search."""
