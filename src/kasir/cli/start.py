"""What a program prints when it starts: its address and what it uses, without secrets."""

from __future__ import annotations

import sys
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from kasir.config import DatabaseSettings, Settings
from kasir.operations.shown_settings import shown_address

#: Options of a database URL that show where the database is; others may be secrets.
_SHOWN: Final = frozenset({"host", "port"})


def print_status(what: str) -> None:
    """Print a line on stderr, apart from a command's output on stdout."""
    print(f"kasir: {what}", file=sys.stderr, flush=True)


def database_shown(settings: DatabaseSettings | Settings) -> str:
    """Return where the database is: the URL without its password, or the folder."""
    if not settings.database_url:
        return f"in {settings.data_dir} (Kasir's own)"
    parts = urlsplit(settings.database_url)
    user, _, host = parts.netloc.rpartition("@")
    name = f"{user.partition(':')[0]}@" if user else ""
    options = urlencode([pair for pair in parse_qsl(parts.query) if pair[0] in _SHOWN], safe="/")
    return f"{parts.scheme}://{name}{host}{parts.path}{'?' * bool(options)}{options}"


def used(settings: Settings) -> str:
    """Return what the server and the worker use: database, Adyen, addresses."""
    events = shown_address(settings.events_url) or "nobody (KASIR_EVENTS_URL is not set)"
    return (
        f"database {database_shown(settings)}; "
        f"Adyen {settings.environment} ({settings.addresses.checkout}), "
        f"merchant account {settings.merchant_account}; "
        f"shoppers and webhooks at {settings.public_url}; events to {events}"
    )
