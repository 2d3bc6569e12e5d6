"""Each account has its own relay, identity and keys, and the library can open each."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from fake_server import plain, serving
from fakes import KEY, OTHER_KEY, envelope, notification_item
from kasir import AccountUnavailable, Kasir, SyncKasir, create_app
from kasir.cli import operator
from kasir.doctor.findings import findings_of
from kasir.errors import SettingError
from kasir.jobs.account_worker import work_for_all
from kasir.store import accounts as store
from kasir.store import relay
from opened_kasir import until
from two_accounts import FIRST, KEYS, SECOND, Shops, add_account, two_accounts, variables_of

LINK = {
    "reference": "ORDER-1",
    "amount": {"currency": "IDR", "value": 25_000},
    "returnUrl": "https://shop.example/",
}
LOGO = "<svg xmlns='http://www.w3.org/2000/svg'><title>{name}</title></svg>"


async def notify(shops: Shops) -> None:
    """Send a notification to each account; its pspReference has the account's name."""
    items = [
        notification_item(key=key, merchantAccountCode=name, pspReference=f"PSP{name}")
        for name, key in ((FIRST, KEY), (SECOND, OTHER_KEY))
    ]
    answer = await shops.http.post("/webhooks/adyen", content=envelope(*items))
    assert answer.status_code == 202


async def test_each_account_relays_to_its_own_handler_and_its_queue_is_emptied_alone(
    fresh_database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with serving() as first, serving() as second:
        first.handler = second.handler = plain(503, b"down")
        own = variables_of(SECOND, KASIR_RELAY_URL=second.url)
        await add_account(fresh_database, SECOND, own)
        limits: dict[str, Any] = {"account_look_first_s": 0.1, "account_look_longest_s": 0.2}
        async with two_accounts(fresh_database, limits=limits, KASIR_RELAY_URL=first.url) as shops:
            await notify(shops)
            stop = asyncio.Event()
            work = asyncio.create_task(work_for_all(shops.accounts.default, shops.accounts, stop))
            await until(lambda: has_asked(first.asked))
            await until(lambda: has_asked(second.asked))
            stop.set()
            await work
            text = (await shops.http.get("/metrics")).text
            findings = await findings_of(shops.accounts.default.settings.environ)
            monkeypatch.setenv("KASIR_DATABASE_URL", fresh_database)
            monkeypatch.setenv("ADYEN_ENVIRONMENT", "twin")
            waiting = [await waiting_of(shops)]
            for account in (SECOND, None):
                await operator.drop_relayed([], account, all_waiting=True)
                waiting.append(await waiting_of(shops))
            with pytest.raises(SettingError, match="no account 'Nobody'"):
                await operator.drop_relayed([], "Nobody", all_waiting=True)

    for name, handler in ((FIRST, first), (SECOND, second)):
        assert {f"PSP{name}".encode() in body for _, _, body in handler.asked} == {True}
        assert f'kasir_relay_waiting{{account="{name}"}} 1.0' in text
    row = "the shop's Adyen handler takes relayed notifications"
    rows = {finding.what: finding.says for finding in findings if row in finding.what}
    assert [*rows] == [row, f"{SECOND}: {row}"]
    assert all(says.startswith("1 wait") for says in rows.values())
    assert waiting == [[1, 1], [1, 0], [0, 0]]
    assert capsys.readouterr().out.count("1 removed from the relay's queue\n") == 2


async def has_asked(asked: list[Any]) -> bool:
    """Whether a handler got a request."""
    return bool(asked)


async def waiting_of(shops: Shops) -> list[int]:
    """How many notifications each account's relay has not sent."""
    parts = [await shops.accounts.parts_of(name) for name in (FIRST, SECOND)]
    return [(await relay.backlog(one.pool, 100)).waiting for one in parts]


async def test_a_page_shows_the_identity_of_the_account_of_its_link(
    fresh_database: str, tmp_path: Path
) -> None:
    looks: dict[str, dict[str, Any]] = {}
    for name in (FIRST, SECOND):
        file = tmp_path / f"{name}.svg"
        file.write_text(LOGO.format(name=name))
        looks[name] = {"KASIR_SHOP_NAME": f"Shop of {name}", "KASIR_SHOP_LOGO": str(file)}
    await add_account(fresh_database, SECOND, variables_of(SECOND, **looks[SECOND]))
    async with two_accounts(fresh_database, **looks[FIRST]) as shops:
        for name, other in ((FIRST, SECOND), (SECOND, FIRST)):
            made = await shops.call(name, "POST", "/v72/paymentLinks", LINK)
            page = (await shops.http.get(f"/pay/{made.json()['id']}")).text
            own = (await shops.accounts.parts_of(name)).settings.identity.logo_file
            assert own is not None
            logo = await shops.http.get(f"/pay/logo/{own.name}")

            assert f"Shop of {name}" in page
            assert f"Shop of {other}" not in page
            assert f"/pay/logo/{own.name}" in page
            assert (logo.status_code, logo.text) == (200, LOGO.format(name=name))
        unknown = await shops.http.get("/pay/logo/0123456789abcdef.svg")

    assert unknown.status_code == 404


async def test_http_basic_leads_to_the_account_of_its_key(fresh_database: str) -> None:
    await add_account(fresh_database, SECOND, variables_of(SECOND))
    async with two_accounts(fresh_database) as shops:
        found = {}
        for name in (FIRST, SECOND):
            credentials = b64encode(f"shop:{KEYS[name]}".encode()).decode()
            header = {"Authorization": f"Basic {credentials}"}
            body = {**LINK, "merchantAccount": SECOND}
            answer = await shops.http.post("/v72/paymentLinks", json=body, headers=header)
            found[name] = answer.status_code

    assert found == {FIRST: 403, SECOND: 201}


async def test_the_library_opens_an_account_of_the_database(fresh_database: str) -> None:
    await add_account(fresh_database, SECOND, variables_of(SECOND))
    await add_account(fresh_database, "Disabled", variables_of("Disabled"))
    async with two_accounts(fresh_database) as shops:
        parts, environ = shops.accounts.default, shops.accounts.default.settings.environ
        vault, now = shops.accounts._vault, parts.clock.now()  # noqa: SLF001
        variables = variables_of("Disabled")
        await store.change(parts.pool, vault, "Disabled", variables, now, is_enabled=False)
        await notify(shops)
        async with (
            Kasir.open(environ) as first,
            Kasir.open(environ, account=SECOND) as second,
            Kasir.open(environ, account=FIRST) as named,
        ):
            accounts = [one.links.merchant_account for one in (first, second, named)]
            stop = asyncio.Event()
            work = asyncio.create_task(second.work(stop))
            await until(lambda: are_read(shops))
            stop.set()
            await work
        for name in ("Disabled", "Nobody"):
            with pytest.raises(AccountUnavailable, match=name):
                async with Kasir.open(environ, account=name):
                    pass

    assert accounts == [FIRST, SECOND, FIRST]


async def test_a_mounted_app_with_a_worker_works_for_every_account(fresh_database: str) -> None:
    await add_account(fresh_database, SECOND, variables_of(SECOND))
    async with two_accounts(fresh_database) as shops:
        app = create_app(shops.accounts.default.settings.environ, with_worker=True)
        async with app.lifespan():
            await notify(shops)
            await until(lambda: are_read(shops))

            assert app.kasir.links.merchant_account == FIRST


async def are_read(shops: Shops) -> bool:
    """Whether the notification of each account was read."""
    count = "SELECT count(*) FROM notice WHERE state <> 'unread'"
    parts = [await shops.accounts.parts_of(name) for name in (FIRST, SECOND)]
    return [await one.pool.fetchval(count) for one in parts] == [1, 1]


def test_the_library_for_threads_opens_an_account(fresh_database: str) -> None:
    async def prepare() -> dict[str, str]:
        await add_account(fresh_database, SECOND, variables_of(SECOND))
        async with two_accounts(fresh_database) as shops:
            await shops.pay(SECOND, reference="OF-THE-SECOND")
            return {**shops.accounts.default.settings.environ}

    environ = asyncio.run(prepare())
    found = []
    for account in (None, SECOND):
        with SyncKasir.open(environ, account=account) as kasir:
            found.append(len(kasir.payments("OF-THE-SECOND")))

    assert found == [0, 1]
