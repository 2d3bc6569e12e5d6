"""The settings without secrets, the accounts, and the API keys: list, add, withdraw."""

from __future__ import annotations

from typing import Final

from litestar.handlers import HTTPRouteHandler

from kasir.desk.acts import Asked, act
from kasir.desk.navigation import add_section
from kasir.desk.pages import OurVisit, Page, Visit, page
from kasir.errors import Fault, InvalidRequest
from kasir.http_types import accounts_of
from kasir.operations.shown_settings import ShownSetting, shown_settings
from kasir.people.roles import Role
from kasir.store import accounts, api_keys

_PATH: Final = "/desk/settings"
SECTION: Final = add_section("settings", _PATH)
#: The longest name of a key.
_NAME_LETTERS_MAX: Final = 80


@page(_PATH)
async def get_settings(visit: OurVisit) -> Page:
    """Show the settings of the account, the accounts that the person may see, and the keys."""
    visit.check_query()
    return visit.page(
        "settings.html",
        settings=[
            (setting.name, _value(visit, setting))
            for setting in shown_settings(visit.parts.settings)
        ],
        accounts=[(name, _state(visit, name)) for name in visit.account_names],
        keys=await api_keys.listed(visit.parts.pool),
    )


@act("api_key.add", f"{_PATH}/keys", Role.ADMIN, fields=("name",))
async def add_key(asked: Asked) -> Page:
    """Make an API key, and show it once."""
    visit, name = asked.visit, asked.fields.get("name", "").strip()
    if not name or len(name) > _NAME_LETTERS_MAX:
        cure = f"give the key a name of {_NAME_LETTERS_MAX} characters at most."
        raise InvalidRequest([Fault("name", cure)])
    tag = "" if visit.is_default_account else accounts.tag_of(visit.account)
    async with asked.recorded(name) as record:
        key = await api_keys.create(visit.parts.pool, name, visit.parts.clock.now(), tag)
        record.after = {"name": name}
    return visit.page("api_key.html", name=name, key=key)


@act("api_key.withdraw", f"{_PATH}/keys/withdraw", Role.ADMIN, fields=("name",))
async def withdraw_key(asked: Asked) -> Page:
    """Withdraw an API key; within seconds it is refused."""
    name = asked.fields.get("name", "")
    if not asked.is_confirmed:
        return asked.second_look(asked.visit.text("withdraw_sentence", name=name))
    async with asked.recorded(name, {"name": name}) as record:
        await api_keys.withdraw(asked.visit.parts.pool, name)
        record.after = {"name": None}
    return asked.done(_PATH, "key_withdrawn")


def _value(visit: Visit, setting: ShownSetting) -> str:
    if not setting.count:
        return visit.text("setting_unset")
    if not setting.is_secret:
        return setting.value
    key = "setting_secret" if setting.count == 1 else "setting_secrets"
    return visit.text(key, count=setting.count)


def _state(visit: Visit, name: str) -> str:
    """The account's state: all that a session has are served; one may have unusable settings."""
    found = accounts_of(visit.request.scope)
    if found is None or name == found.default.settings.merchant_account:
        return visit.text("account_of_environment")
    return visit.text("account_usable" if found.is_usable(name) else "account_unusable")


ROUTES: Final[list[HTTPRouteHandler]] = [get_settings, add_key, withdraw_key]
