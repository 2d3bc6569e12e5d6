"""Metrics and the doctor show every account, and say which one is broken."""

from __future__ import annotations

from kasir.doctor.findings import findings_of
from kasir.store import accounts as store
from two_accounts import FIRST, INCOMPLETE, SECOND, add_account, two_accounts, variables_of


async def test_metrics_have_the_account_as_a_label_only_where_there_are_several(
    fresh_database: str,
) -> None:
    async with two_accounts(fresh_database) as shops:
        alone = (await shops.http.get("/metrics")).text
        await add_account(fresh_database, SECOND, variables_of(SECOND))
        await shops.accounts.refresh()
        both = (await shops.http.get("/metrics")).text

    assert "kasir_events_waiting 0.0" in alone
    assert "account=" not in alone
    for name in (FIRST, SECOND):
        assert f'kasir_events_waiting{{account="{name}"}} 0.0' in both
        assert f'kasir_notices{{account="{name}",state="unread"}} 0.0' in both
    assert f'kasir_account_usable{{account="{SECOND}"}} 1.0' in both


async def test_metrics_say_which_account_is_broken_and_show_the_others(
    fresh_database: str,
) -> None:
    await add_account(fresh_database, SECOND, variables_of(SECOND))
    await add_account(fresh_database, "Third", INCOMPLETE)
    async with two_accounts(fresh_database) as shops:
        schema = store.schema_of(SECOND)
        await shops.accounts.default.pool.execute(f"DROP SCHEMA {schema} CASCADE")
        text = (await shops.http.get("/metrics")).text

    assert f'kasir_events_waiting{{account="{FIRST}"}} 0.0' in text
    for name in (SECOND, "Third"):
        assert f'kasir_account_usable{{account="{name}"}} 0.0' in text


async def test_metrics_leave_out_an_account_that_does_not_answer_in_time(
    fresh_database: str,
) -> None:
    await add_account(fresh_database, SECOND, variables_of(SECOND))
    limits = {"account_figures_s": 0.1, "account_connections_max": 1}
    async with two_accounts(fresh_database, limits=limits) as shops:
        busy = (await shops.accounts.parts_of(SECOND)).pool
        async with busy.acquire():
            text = (await shops.http.get("/metrics")).text

    assert f'kasir_events_waiting{{account="{FIRST}"}} 0.0' in text
    assert f'kasir_events_waiting{{account="{SECOND}"}}' not in text
    assert f'kasir_account_usable{{account="{SECOND}"}} 0.0' in text


async def test_metrics_read_some_accounts_at_a_time_and_show_the_others_as_they_were(
    fresh_database: str,
) -> None:
    await add_account(fresh_database, SECOND, variables_of(SECOND))
    await add_account(fresh_database, "Third", variables_of("Third"))
    async with two_accounts(fresh_database, limits={"accounts_figures_s": 0}) as shops:
        texts = [(await shops.http.get("/metrics")).text for _ in range(3)]
    shown = [
        {name for name in (FIRST, SECOND, "Third") if f'events_waiting{{account="{name}"}}' in text}
        for text in texts
    ]

    assert len(shown[0]) == 2
    assert FIRST in shown[0]
    assert shown[1] == shown[2] == {FIRST, SECOND, "Third"}
    assert f'kasir_account_figures_age_seconds{{account="{SECOND}"}}' in texts[2]


async def test_the_doctor_checks_every_account_and_names_it(fresh_database: str) -> None:
    await add_account(fresh_database, SECOND, variables_of(SECOND))
    await add_account(fresh_database, "Third", INCOMPLETE)
    async with two_accounts(fresh_database) as shops:
        environ = {**shops.accounts.default.settings.environ}
    findings = await findings_of(environ)
    second = [finding.what for finding in findings if finding.what.startswith(f"{SECOND}: ")]
    (third,) = [finding for finding in findings if finding.what.startswith("Third: ")]

    assert f"{SECOND}: jobs were done" in second
    assert "jobs were done" in [finding.what for finding in findings]
    assert not third.is_well
    assert "Third" in third.says
