"""The settings of an account of the database: variables that replace those of the environment.

What an account may set, it has to set itself: nothing of it is taken from the environment, where
the keys and addresses of another account are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from kasir.config import Settings, settings_from
from kasir.errors import SettingError

#: The settings that each account has for itself.
_NAMES: Final = frozenset(
    {
        "ADYEN_API_KEY",
        "ADYEN_HMAC_KEY",
        "ADYEN_TOKEN_HMAC_KEY",
        "ADYEN_LIVE_PREFIX",
        "KASIR_API_KEY",
        "KASIR_WEBHOOK_USER",
        "KASIR_WEBHOOK_PASSWORD",
    }
)
#: How the names of further settings of this kind begin.
_PREFIXES: Final = ("KASIR_EVENTS_", "KASIR_RELAY_", "KASIR_REPORT_", "KASIR_SHOP_", "KASIR_KEEP_")


def is_of_account(name: str) -> bool:
    """Whether each account has this setting for itself."""
    return name in _NAMES or name.startswith(_PREFIXES)


def check_names(names: Mapping[str, str]) -> None:
    """Refuse variables that are not settings of an account.

    Raises:
        SettingError: One of them is not.
    """
    for name in names:
        if not is_of_account(name):
            cure = f"is no setting of an account; those are {', '.join(sorted(_NAMES))}"
            raise SettingError(name, f"{cure}, {', '.join(f'{one}*' for one in _PREFIXES)}")


def settings_of(common: Settings, name: str, variables: Mapping[str, str]) -> Settings:
    """Return the settings of an account.

    Args:
        common: The settings of the environment.
        name: The merchant account's code.
        variables: The account's own settings.

    Raises:
        SettingError: One of them is missing or malformed.
    """
    shared = {key: text for key, text in common.environ.items() if not is_of_account(key)}
    settings = settings_from({**shared, **variables, "ADYEN_MERCHANT_ACCOUNT": name})
    return replace(
        settings,
        database_url=common.database_url,
        data_dir=common.data_dir,
        limits=common.limits,
    )
