"""The settings of the relay to the shop's own Adyen handler; `config` reads them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class RelaySend(StrEnum):
    """Which notifications are relayed: the values of KASIR_RELAY_SEND."""

    #: Every one.
    ALL = "all"
    #: Those that Kasir did not record for a payment or token of its own.
    FOREIGN = "foreign"
    #: Those that are or may be about Kasir's own payments and tokens.
    OWN = "own"


@dataclass(frozen=True, kw_only=True, slots=True)
class RelaySettings:
    """Where notifications are relayed to, and how they are signed.

    Attributes:
        url: The handler's address for standard notifications.
        tokens_url: Its address for token notifications; None if they are not relayed.
        send: Which notifications are relayed.
        hmac_keys: The first one signs standard notifications anew; empty: the signature of Adyen
            is passed on.
        token_hmac_keys: The same for token notifications.
        user: The user name for HTTP basic authentication; None without it.
        password: Its password.
    """

    url: str
    tokens_url: str | None
    send: RelaySend = RelaySend.ALL
    hmac_keys: tuple[bytes, ...] = field(default=(), repr=False)
    token_hmac_keys: tuple[bytes, ...] = field(default=(), repr=False)
    user: str | None = None
    password: str | None = field(default=None, repr=False)
