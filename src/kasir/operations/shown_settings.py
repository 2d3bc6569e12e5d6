"""The settings of an account as people may see them: never a secret, and no part of one."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final
from urllib.parse import urlsplit

import msgspec

from kasir.config import Settings


class Kind(Enum):
    """How much of a setting is shown."""

    #: The value.
    PLAIN = "plain"
    #: The address without user, password, query and fragment, which may be secret.
    ADDRESS = "address"
    #: Whether it is set, and how many values it has.
    SECRET = "secret"


#: All settings, in the order in which they are shown. Any other one is shown as a secret.
KINDS: Final[Mapping[str, Kind]] = {
    "ADYEN_ENVIRONMENT": Kind.PLAIN,
    "ADYEN_MERCHANT_ACCOUNT": Kind.PLAIN,
    "ADYEN_LIVE_PREFIX": Kind.PLAIN,
    "ADYEN_TWIN_URL": Kind.ADDRESS,
    "ADYEN_API_KEY": Kind.SECRET,
    "ADYEN_HMAC_KEY": Kind.SECRET,
    "ADYEN_TOKEN_HMAC_KEY": Kind.SECRET,
    "KASIR_PUBLIC_URL": Kind.ADDRESS,
    "KASIR_DATABASE_URL": Kind.SECRET,
    "KASIR_DATA_DIR": Kind.PLAIN,
    "KASIR_SECRET_KEY": Kind.SECRET,
    "KASIR_API_KEY": Kind.SECRET,
    "KASIR_WEBHOOK_USER": Kind.PLAIN,
    "KASIR_WEBHOOK_PASSWORD": Kind.SECRET,
    "KASIR_EVENTS_URL": Kind.ADDRESS,
    "KASIR_EVENTS_SECRET": Kind.SECRET,
    "KASIR_RELAY_URL": Kind.ADDRESS,
    "KASIR_RELAY_TOKENS_URL": Kind.ADDRESS,
    "KASIR_RELAY_SEND": Kind.PLAIN,
    "KASIR_RELAY_HMAC_KEY": Kind.SECRET,
    "KASIR_RELAY_TOKEN_HMAC_KEY": Kind.SECRET,
    "KASIR_RELAY_USER": Kind.PLAIN,
    "KASIR_RELAY_PASSWORD": Kind.SECRET,
    "KASIR_REPORT_USER": Kind.PLAIN,
    "KASIR_REPORT_PASSWORD": Kind.SECRET,
    "KASIR_REPORT_IDR_DECIMALS": Kind.PLAIN,
    "KASIR_METRICS_KEY": Kind.SECRET,
    "KASIR_SHOP_NAME": Kind.PLAIN,
    "KASIR_SHOP_LOGO": Kind.PLAIN,
    "KASIR_SHOP_COLOUR": Kind.PLAIN,
    "KASIR_SHOP_SUPPORT": Kind.PLAIN,
    "KASIR_SHOP_TERMS": Kind.PLAIN,
    "KASIR_KEEP_JOBS_DAYS": Kind.PLAIN,
    "KASIR_KEEP_NOTICES_DAYS": Kind.PLAIN,
    "KASIR_KEEP_EVENTS_DAYS": Kind.PLAIN,
    "KASIR_DESK": Kind.PLAIN,
    "KASIR_DESK_PROXY_HEADER": Kind.PLAIN,
    "KASIR_DESK_PROXY_ADDRESSES": Kind.PLAIN,
    "KASIR_FOLLOW_TWIN_CLOCK": Kind.PLAIN,
}


class ShownSetting(msgspec.Struct, rename="camel", frozen=True):
    """A setting.

    Attributes:
        name: Its name.
        value: Its value; empty for a secret and for one that is not set.
        count: How many values it has, where commas separate them; 0 if it is not set.
        is_secret: Whether its value is never shown.
    """

    name: str
    value: str
    count: int
    is_secret: bool


def shown_settings(settings: Settings) -> list[ShownSetting]:
    """Return all settings of an account."""
    given = {name: text for name, text in settings.environ.items() if text}
    others = sorted(given.keys() - KINDS.keys())
    return [_shown(name, given.get(name, "")) for name in (*KINDS, *others)]


def shown_address(url: str | None) -> str:
    """Return a URL without its user, password, query and fragment, which may be secret."""
    if not url:
        return ""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def _shown(name: str, text: str) -> ShownSetting:
    kind = KINDS.get(name, Kind.SECRET)
    count = len(text.split(",")) if text else 0
    if kind is Kind.SECRET:
        return ShownSetting(name, "", count, is_secret=True)
    value = shown_address(text) if kind is Kind.ADDRESS else text
    return ShownSetting(name, value, min(count, 1), is_secret=False)
