"""Settings: options that are fixed at the start, and knobs that can be set while it runs.

A knob is a belief about Adyen or GoPay that could not be established, or a rule that a
test may need to change. Each knob is a field here and a row in docs/twin.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec

Whole = Annotated[int, msgspec.Meta(ge=0)]
Positive = Annotated[int, msgspec.Meta(ge=1)]


class Answer(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """The error to answer for a broken rule, instead of the one that the twin believes in."""

    status: Annotated[int, msgspec.Meta(ge=400, le=599)]
    error_code: str
    message: str
    error_type: str = "validation"


class Knobs(msgspec.Struct, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """What PUT /twin/knobs can set while the twin runs."""

    #: GoPay requires both `browserInfo` and `channel`; False: either is enough.
    strict: bool = True
    amount_min: Positive = 1
    amount_max: Positive = 20_000_000
    #: Another error for a rule, by the rule's name: for codes that turn out to be different.
    answers: dict[str, Answer] = {}
    #: Other types that /paymentMethods lists for Indonesia; the twin cannot pay with them.
    also_listed: list[str] = []

    #: A wallet's balance. Payments do not reduce it, so that it lasts for any number of tests.
    wallet_balance: Whole = 10_000_000
    wallet_pin: Annotated[str, msgspec.Meta(pattern="^[0-9]{6}$")] = "123456"
    pin_tries: Positive = 3
    payment_expiry_s: Positive = 30 * 60
    #: Where `action` leads: to Adyen's page by GET; to that page by POST, which Adyen may choose
    #: by itself; or to an address of the app, as a phone may get (a guess).
    action_url: Literal["web", "post", "app"] = "web"

    #: "recorded": REFUSED or CANCELLED with code "0", as plugins recorded after redirects;
    #: "detailed": the reason and code of Adyen's table of refusal reasons.
    refusal_reasons: Literal["recorded", "detailed"] = "recorded"
    idempotency_days: Positive = 7
    #: The same key with another body: answered with the first answer, or with 422/704.
    idempotency_other_body: Literal["replay", "refuse"] = "replay"
    #: A second /payments/details: answered with 422/704, or with the first answer.
    details_repeat: Literal["refuse", "replay"] = "refuse"
    #: Whether /payments/details answers merchantReference, amount and method, which are optional
    #: in the schema and missing in Adyen's published example.
    details_reference: Literal["absent", "present"] = "absent"
    #: Whether AUTHORISATION echoes the payment's metadata.
    authorisation_metadata: bool = True
    #: Return to `returnUrl?own=1&&redirectResult=…`, as a sample in Adyen's docs shows.
    return_double_ampersand: bool = False

    #: "automatic": captured as soon as authorised; "manual": by POST /captures.
    capture: Literal["automatic", "manual"] = "automatic"
    #: Whether several partial captures are agreed with Adyen; else the first releases the rest.
    several_captures: bool = False
    authorisation_days: Positive = 28
    #: How long after its 201 answer a modification is decided.
    modification_s: Annotated[float, msgspec.Meta(ge=0)] = 1.0
    #: A cancel of a captured payment: CANCELLATION false, or carried out nevertheless.
    cancel_of_captured: Literal["fail", "cancel"] = "fail"
    #: Which reference a modification's webhook has, if the modification has its own.
    modification_reference: Literal["payment", "modification"] = "payment"

    #: When recurring.token.* is sent: after AUTHORISATION, once settled; before it; or never.
    tokens_told: Literal["after", "before", "never"] = "after"
    settlement_s: Annotated[float, msgspec.Meta(ge=0)] = 10.0
    #: "created": a token can be charged in the model it was saved for; "both": in either.
    tokens_charged: Literal["created", "both"] = "created"
    #: Whether AUTHORISATION and /payments/details have tokenization.* too.
    tokens_in_authorisation: bool = False
    #: How token webhooks are serialised; a shop must verify the bytes, not its own JSON.
    tokens_spelled: Literal["compact", "spaced"] = "compact"
    #: The resultCode of a Subscription charge: the decision, or one that leaves it open.
    charge_result: Literal["decided", "Received", "Pending"] = "decided"
    #: How long after such an answer the charge is decided.
    charge_s: Annotated[float, msgspec.Meta(ge=0)] = 5.0

    #: Events that Adyen sends only if the shop enabled them.
    extra_events: list[str] = msgspec.field(default_factory=lambda: ["OFFER_CLOSED"])
    webhook_timeout_s: Annotated[float, msgspec.Meta(gt=0)] = 10.0
    #: "status": any 2xx accepts; "body": the body must be [accepted] too, as it used to be.
    accepted_by: Literal["status", "body"] = "status"
    #: Whether test notifications are signed; Adyen's published sample is not.
    test_notices_sealed: bool = True


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The options that are fixed at the start."""

    api_key: str = "twin-api-key"
    merchant_account: str = "TwinMerchant"
    #: The base URL that shoppers use; None: the one of the current request.
    public_url: str | None = None
    state_file: Path | None = None
