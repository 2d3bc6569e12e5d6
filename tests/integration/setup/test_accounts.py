"""`kasir setup --account`: an account of the database gets a webhook and a key of its own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from adyen_twin.core.settings import Settings as TwinSettings
from fakes import KEY, OTHER_KEY
from kasir.cli.setup import setup
from kasir.errors import SettingError
from kasir.store import accounts as store
from kasir.store.vault import Vault
from opened_kasir import kasir_on
from served import served
from setup_shop import kinds
from two_accounts import SECOND, add_account, variables_of


async def variables(database: str) -> dict[str, str]:
    """The settings of the account in the database."""
    async with kasir_on(database) as kasir:
        (account,) = await store.accounts(kasir.pool, Vault(kasir.settings.secrets))
        return dict(account.opened())


@pytest.mark.parametrize("own_key", [OTHER_KEY, ""], ids=["with a key before", "without"])
async def test_an_account_of_the_database_is_set_up_and_its_server_learns_the_key(
    fresh_database: str, capsys: pytest.CaptureFixture[str], own_key: str
) -> None:
    own = variables_of(SECOND, ADYEN_HMAC_KEY=own_key)
    await add_account(fresh_database, SECOND, {name: text for name, text in own.items() if text})
    async with served(fresh_database) as kasir:
        twin = kasir.twin
        # The webhooks of all accounts of a twin are the same, so this twin has this account only.
        twin.twin.settings = TwinSettings(merchant_account=SECOND)
        environ = {
            "ADYEN_ENVIRONMENT": "twin",
            "ADYEN_TWIN_URL": twin.url,
            "ADYEN_HMAC_KEY": KEY,
            "KASIR_DATABASE_URL": fresh_database,
            "KASIR_PUBLIC_URL": kasir.url,
        }

        async def run() -> dict[str, Any]:
            await setup(environ, SECOND, is_agreed=True, is_shown_only=False, as_json=True)
            report: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
            return report

        first, second = await run(), await run()
        with pytest.raises(SettingError, match="there is no account 'Unknown'"):
            await setup(environ, "Unknown", is_agreed=True, is_shown_only=False, as_json=True)
    new_key, *before = (await variables(fresh_database))["ADYEN_HMAC_KEY"].split(",")

    assert (kinds(first), first["is_well"]) == (["create", "make_key", "test"], True), first
    assert (kinds(second), second["is_well"]) == ([], True)
    assert ([own_key] if own_key else []) == before
    assert twin.twin.state.endpoints["standard"].hmac_key == new_key
