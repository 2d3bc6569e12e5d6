"""The values of `kasir setup`: what Adyen answered, what Kasir needs there, what will be done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from kasir.adyen.management import Credential, Merchant, Webhook
from kasir.gateway.account_checks import Finding
from kasir.gateway.management import Refusal
from kasir.store.webhook_keys import AskedKey

#: The paths of the addresses for Adyen's webhooks.
STANDARD_PATH: Final = "/webhooks/adyen"
TOKENS_PATH: Final = "/webhooks/adyen/tokens"


class State(StrEnum):
    """What a line says of its subject."""

    #: It is as Kasir needs it.
    OK = "ok"
    #: `kasir setup` will do it.
    TO_DO = "do"
    #: Only a person can do or check it, in Customer Area.
    BY_HAND = "hand"
    #: It is wrong, and only a person can correct it.
    FAULT = "FAIL"


class Kind(StrEnum):
    """What a step does."""

    CREATE = "create"
    CHANGE = "change"
    MAKE_KEY = "make_key"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the report.

    Attributes:
        what: Its subject.
        state: What it says of its subject.
        says: What was found, or what will be done, or what a person must do and where.
    """

    what: str
    state: State
    says: str


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that `kasir setup` will do.

    Attributes:
        kind: What is done.
        says: The same for the operator.
        fields: The webhook's fields that are set.
    """

    kind: Kind
    says: str
    fields: Mapping[str, Any] = field(default_factory=dict, repr=False)  # May hold the password.


@dataclass(frozen=True, slots=True)
class Plan:
    """What was found, and what will be done.

    Attributes:
        lines: What was found.
        steps: What will be done, in this order.
        webhook_id: The id of Kasir's standard webhook; empty before it exists.
    """

    lines: tuple[Line, ...]
    steps: tuple[Step, ...]
    webhook_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What Kasir needs at Adyen, and what it knows itself.

    Attributes:
        merchant_account: The merchant account's code.
        public_url: KASIR_PUBLIC_URL.
        user: The user of the webhooks' basic authentication; None if none is set.
        password: Its password.
        is_live: Whether it is Adyen's live platform.
        live_prefix: ADYEN_LIVE_PREFIX; may be empty.
        has_own_key: Whether ADYEN_HMAC_KEY is set.
        stored: The last key that `kasir setup` asked for; None if there is none.
        is_received: Whether a signed standard notification came lately.
        is_token_received: Whether a signed token notification came lately.
        has_report_user: Whether KASIR_REPORT_USER is set.
        is_report_received: Whether a report was fetched lately.
    """

    merchant_account: str
    public_url: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    is_live: bool = False
    live_prefix: str = ""
    has_own_key: bool = False
    stored: AskedKey | None = None
    is_received: bool = False
    is_token_received: bool = False
    has_report_user: bool = False
    is_report_received: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What Adyen answered."""

    credential: Credential | Refusal
    merchant: Merchant | Refusal
    webhooks: tuple[Webhook, ...] | Refusal
    methods: tuple[Finding, ...]
