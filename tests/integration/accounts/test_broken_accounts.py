"""A broken account stops no other, and the log says what is wrong with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import pytest
import structlog
from structlog.testing import capture_logs

from adyen_twin.core.settings import Knobs, Settings
from adyen_twin.core.twin import Twin
from fakes import KEY, OTHER_KEY, envelope, notification_item
from kasir.jobs.account_worker import work_for_all
from kasir.limits import Limits
from kasir.store import accounts as store
from kasir.store.database import Pool
from opened_kasir import until
from twin_fixtures import RunningTwin, serving
from two_accounts import (
    FIRST,
    INCOMPLETE,
    KEYS,
    SECOND,
    Shops,
    add_account,
    two_accounts,
    variables_of,
)

THIRD: Final = "ThirdMerchant"
#: So that an account sleeps, and looks for work, within the time of a test.
QUICK: Final = {"account_awake_s": 0.2, "account_look_first_s": 0.1, "account_look_longest_s": 0.2}
PSP: Final = "QFQTPCQ8HXSKGK82"


def item(account: str, key: str = OTHER_KEY) -> dict[str, Any]:
    """A notification that an account's payment of ORDER-1001 is paid."""
    return notification_item(key=key, merchantAccountCode=account, pspReference=PSP)


async def post(shops: Shops, *items: dict[str, Any]) -> int:
    """Post items to the webhook; returns the status of the answer."""
    return (await shops.http.post("/webhooks/adyen", content=envelope(*items))).status_code


async def is_paid(shops: Shops, account: str) -> bool:
    """Whether the payment of an account is authorised."""
    (payment,) = await shops.payments(account)
    return bool(payment["status"] == "authorised")


async def logged(logs: list[Any], event: str) -> bool:
    """Whether a line was logged."""
    return any(line["event"] == event for line in logs)


@asynccontextmanager
async def working(shops: Shops) -> AsyncIterator[None]:
    """Work for all accounts while this context lasts."""
    stop = asyncio.Event()
    work = asyncio.create_task(work_for_all(shops.accounts.default, shops.accounts, stop))
    try:
        yield
    finally:
        stop.set()
        await work


@pytest.fixture
async def third(fresh_database: str) -> AsyncIterator[Shops]:
    """A Kasir with three accounts; the events of the second have a dead address."""
    KEYS[THIRD] = "the-key-of-the-third-shop"
    dead = {
        "KASIR_EVENTS_URL": "http://127.0.0.1:9/",
        "KASIR_EVENTS_SECRET": "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    }
    await add_account(fresh_database, SECOND, variables_of(SECOND, **dead))
    await add_account(fresh_database, THIRD, variables_of(THIRD))
    twin: RunningTwin
    async with (
        serving(Twin(Settings(more_merchant_accounts=(SECOND, THIRD)), Knobs())) as twin,
        two_accounts(fresh_database, limits=QUICK, ADYEN_TWIN_URL=twin.url) as opened,
    ):
        yield opened
    del KEYS[THIRD]


async def test_a_dead_events_address_and_a_poisoned_notice_delay_no_other_account(
    third: Shops,
) -> None:
    second = await third.accounts.parts_of(SECOND)
    for account in (FIRST, SECOND, THIRD):
        await third.pay(account)
    assert await post(third, item(SECOND)) == 202
    await second.reader.read_all()  # There is an event to deliver now.
    await third.pay(SECOND, reference="ORDER-2")
    poisoned = notification_item(
        key=OTHER_KEY, merchantAccountCode=SECOND, pspReference="PSP2", merchantReference="ORDER-2"
    )
    assert await post(third, poisoned) == 202
    await second.pool.execute("UPDATE notice SET item = 'poison' WHERE state = 'unread'")
    with capture_logs() as logs:
        async with working(third):
            await until(lambda: logged(logs, "the shop did not answer"))
            assert await post(third, item(THIRD), item(FIRST, KEY)) == 202
            await until(lambda: is_paid(third, FIRST))
            await until(lambda: is_paid(third, THIRD))

    (unread,) = await third.payments(SECOND, "ORDER-2")
    assert unread["status"] == "awaiting_shopper"


async def test_an_adyen_key_that_is_refused_delays_no_other_account(third: Shops) -> None:
    second = await third.accounts.parts_of(SECOND)
    for account in (FIRST, THIRD):
        await third.pay(account)
    wrong = variables_of(SECOND, ADYEN_API_KEY="refused-by-adyen")
    vault, now = third.accounts._vault, second.clock.now()  # noqa: SLF001
    pool = third.accounts.default.pool
    await store.change(pool, vault, SECOND, wrong, now, is_enabled=True)
    await third.accounts.refresh()
    await second.pool.execute(
        "INSERT INTO shopper (shopper_reference, look_at) VALUES ('S-1', now())"
    )
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logs:
        refused = await third.pay(SECOND)
        # A server has a context for each request; here the request was made in the test's own.
        structlog.contextvars.clear_contextvars()
        async with working(third):
            await until(lambda: logged(logs, "Adyen refused our key"))
            assert await post(third, item(THIRD), item(FIRST, KEY)) == 202
            await until(lambda: is_paid(third, FIRST))
            await until(lambda: is_paid(third, THIRD))

    lines = [line for line in logs if line["event"] == "Adyen refused our key"]
    assert len(lines) > 1
    assert {line["account"] for line in lines} == {SECOND}
    assert (refused["status"], refused["errorCode"]) == (401, "000")


async def test_an_account_without_its_tables_stops_no_other(third: Shops) -> None:
    await third.pay(THIRD)
    schema = store.schema_of(SECOND)
    await third.accounts.default.pool.execute(f"DROP SCHEMA {schema} CASCADE")
    with capture_logs() as logs:
        async with working(third):
            await until(lambda: logged(logs, "account's work failed"))
            assert await post(third, item(THIRD)) == 202
            await until(lambda: is_paid(third, THIRD))

    failed = [line for line in logs if line["event"] == "account's work failed"]
    assert {line["account"] for line in failed} == {SECOND}, failed


async def test_an_account_with_a_missing_setting_is_refused_and_its_notifications_come_again(
    fresh_database: str,
) -> None:
    await add_account(fresh_database, SECOND, INCOMPLETE)
    with capture_logs() as logs:
        async with two_accounts(fresh_database) as shops:
            status = await post(shops, item(SECOND), item(FIRST, KEY))
            tagged = f"kasir.{store.tag_of(SECOND)}.any"
            refused = await shops.http.get("/api/payments", headers={"X-API-Key": tagged})
            kept = await shops.accounts.default.pool.fetchval("SELECT count(*) FROM notice")

    assert (status, refused.status_code, kept) == (503, 503, 1)
    unusable = [line for line in logs if line["event"] == "account cannot be used"]
    assert [(line["account"], "KASIR_EVENTS_SECRET" in line["error"]) for line in unusable] == [
        (SECOND, True)
    ]
    assert await logged(logs, "not kept")


async def test_an_account_whose_settings_no_key_opens_is_refused_and_stops_no_other(
    fresh_database: str,
) -> None:
    await add_account(fresh_database, SECOND, variables_of(SECOND), secret="forgotten " * 4)
    with capture_logs() as logs:
        async with two_accounts(fresh_database) as shops:
            status = await post(shops, item(SECOND), item(FIRST, KEY))
            metrics = (await shops.http.get("/metrics")).text
            listed = await shops.call(FIRST, "GET", "/api/plans")

    assert (status, listed.status_code) == (503, 200)
    assert f'kasir_account_usable{{account="{SECOND}"}} 0.0' in metrics
    (unusable,) = [line for line in logs if line["event"] == "account cannot be used"]
    assert (unusable["account"], "KASIR_SECRET_KEY" in unusable["error"]) == (SECOND, True)


async def test_a_disabled_account_is_refused_and_its_notifications_are_kept(
    fresh_database: str,
) -> None:
    await add_account(fresh_database, SECOND, variables_of(SECOND))
    async with two_accounts(fresh_database) as shops:
        parts, vault = shops.accounts.default, shops.accounts._vault  # noqa: SLF001
        link = {"reference": "A", "amount": {"currency": "IDR", "value": 25000}}
        made = await shops.call(
            SECOND, "POST", "/v72/paymentLinks", link | {"returnUrl": "https://shop.example/"}
        )
        for is_enabled in (False, True):
            now = parts.clock.now()
            variables = variables_of(SECOND)
            await store.change(parts.pool, vault, SECOND, variables, now, is_enabled=is_enabled)
            await shops.accounts.refresh()
            answers = [
                (await shops.call(SECOND, "GET", "/api/payments?reference=A")).status_code,
                (await shops.http.get(f"/pay/{made.json()['id']}")).status_code,
                await post(shops, item(SECOND)),
            ]

            assert answers == ([200, 503, 202] if is_enabled else [401, 404, 202])


async def test_an_account_that_is_added_while_kasir_runs_is_served(fresh_database: str) -> None:
    async with two_accounts(fresh_database) as shops:
        before = (await shops.call(SECOND, "GET", "/api/plans")).status_code
        await add_account(fresh_database, SECOND, variables_of(SECOND))
        await until(lambda: is_served(shops))

    assert before == 401


async def is_served(shops: Shops) -> bool:
    """Whether the second account's key is accepted."""
    return (await shops.call(SECOND, "GET", "/api/plans")).status_code == 200


async def test_the_accounts_stay_as_they_are_while_they_cannot_be_read(
    fresh_database: str,
) -> None:
    await add_account(fresh_database, SECOND, variables_of(SECOND))
    with capture_logs() as logs:
        async with two_accounts(fresh_database, limits={"accounts_read_every_s": 0.01}) as shops:
            drop = "ALTER TABLE kasir_accounts.account DROP COLUMN changed_at"
            await shops.accounts.default.pool.execute(drop)
            await until(lambda: logged(logs, "accounts were not read"))

            assert await is_served(shops)


@pytest.mark.long
async def test_a_lost_connection_that_listens_is_opened_again(third: Shops) -> None:
    await third.pay(THIRD)
    cut = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND query = 'SELECT 1' AND pid <> pg_backend_pid()"
    )
    with capture_logs() as logs:
        async with working(third):

            async def is_cut() -> bool:
                await third.accounts.default.pool.fetchval(cut)
                return await logged(logs, "listening was interrupted")

            await until(is_cut)
            assert await post(third, item(THIRD)) == 202
            await until(lambda: is_paid(third, THIRD))


async def test_the_environments_account_may_use_all_connections_only_while_it_is_alone(
    fresh_database: str,
) -> None:
    most = Limits().database_connections_max
    async with two_accounts(fresh_database, limits={"database_acquire_s": 1.0}) as shops:
        alone = await lendable(shops.accounts.default.pool, most)
    await add_account(fresh_database, SECOND, variables_of(SECOND))
    async with two_accounts(fresh_database, limits={"database_acquire_s": 1.0}) as shops:
        first, second = [(await shops.accounts.parts_of(name)).pool for name in (FIRST, SECOND)]
        async with AsyncExitStack() as stack:
            for _ in range(alone - most // 4):
                await stack.enter_async_context(first.acquire())
            with pytest.raises(TimeoutError):
                await first.fetchval("SELECT 1")

            assert await second.fetchval("SELECT 1") == 1
        assert await lendable(second, most) == Limits().account_connections_max
        assert await first.fetchval("SELECT 1") == 1


async def lendable(pool: Pool, most: int) -> int:
    """How many connections a pool lends at a time, up to `most`."""
    async with AsyncExitStack() as stack:
        for count in range(most):
            try:
                await stack.enter_async_context(pool.acquire())
            except TimeoutError:
                return count
    return most
