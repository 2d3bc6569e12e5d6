"""What the twin is told about itself: fixed at its start, or turned while it runs.

A knob is a belief about Adyen or GoPay that nobody could establish, or a rule
that a test may want otherwise. Each is a field here, and a row in docs/twin.md.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec

Whole = Annotated[int, msgspec.Meta(ge=0)]
Positive = Annotated[int, msgspec.Meta(ge=1)]


class Answer(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """What a broken rule answers instead of what the twin believes."""

    status: Annotated[int, msgspec.Meta(ge=400, le=599)]
    error_code: str
    message: str
    error_type: str = "validation"


class Knobs(msgspec.Struct, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """What may be turned while the twin runs, by PUT /twin/knobs."""

    #: GoPay demands both `browserInfo` and `channel`; False: either is enough.
    strict: bool = True
    amount_min: Positive = 1
    amount_max: Positive = 20_000_000
    #: Another answer for a rule, by the rule's name: for codes that turn out otherwise.
    answers: dict[str, Answer] = {}
    #: Other types that /paymentMethods lists for Indonesia; the twin serves none of them.
    also_listed: list[str] = []

    #: What a wallet holds. It is not drawn down, so that a thousand tests don't run it dry.
    wallet_balance: Whole = 10_000_000
    wallet_pin: Annotated[str, msgspec.Meta(pattern="^[0-9]{6}$")] = "123456"
    pin_tries: Positive = 3
    payment_expiry_s: Positive = 30 * 60
    #: What `action` leads to: Adyen's page, by GET; that page by POST, as Adyen may choose unasked;
    #: or an address of the app, as a phone may get (a guess).
    action_url: Literal["web", "post", "app"] = "web"

    #: "recorded": REFUSED or CANCELLED with code "0", as plugins recorded of redirects;
    #: "detailed": the reason and code of Adyen's table of refusal reasons.
    refusal_reasons: Literal["recorded", "detailed"] = "recorded"
    idempotency_days: Positive = 7
    #: The same key with another body: the first answer again, or 422/704.
    idempotency_other_body: Literal["replay", "refuse"] = "replay"
    #: A second /payments/details: 422/704, or the first answer again.
    details_repeat: Literal["refuse", "replay"] = "refuse"
    #: Whether /payments/details names the payment's merchantReference, amount and method, which
    #: the schema lets it leave out and Adyen's published example leaves out.
    details_reference: Literal["absent", "present"] = "absent"
    #: Whether AUTHORISATION echoes the payment's metadata.
    authorisation_metadata: bool = True
    #: Come back to `returnUrl?own=1&&redirectResult=…`, as a sample of Adyen's docs shows.
    return_double_ampersand: bool = False

    #: "automatic": captured as soon as authorised; "manual": by POST /captures.
    capture: Literal["automatic", "manual"] = "automatic"
    #: Whether several partial captures are agreed with Adyen; else one lets the rest go.
    several_captures: bool = False
    authorisation_days: Positive = 28
    #: How long after its 201 a modification is decided.
    modification_s: Annotated[float, msgspec.Meta(ge=0)] = 1.0
    #: A cancel of what is captured: told CANCELLATION false, or done all the same.
    cancel_of_captured: Literal["fail", "cancel"] = "fail"
    #: Whose reference a modification's webhook bears, where it has one of its own.
    modification_reference: Literal["payment", "modification"] = "payment"

    #: When recurring.token.* is told: after AUTHORISATION, once settled; before it; or never.
    tokens_told: Literal["after", "before", "never"] = "after"
    settlement_s: Annotated[float, msgspec.Meta(ge=0)] = 10.0
    #: "created": a token may be charged as it was saved; "both": in either model.
    tokens_charged: Literal["created", "both"] = "created"
    #: Whether AUTHORISATION and /payments/details bear tokenization.* too.
    tokens_in_authorisation: bool = False
    #: How token webhooks are written; a shop must verify the bytes, not its own spelling.
    tokens_spelled: Literal["compact", "spaced"] = "compact"
    #: What a Subscription charge answers: as decided, or a code that leaves it open.
    charge_result: Literal["decided", "Received", "Pending"] = "decided"
    #: How long after such an answer the charge is decided.
    charge_s: Annotated[float, msgspec.Meta(ge=0)] = 5.0

    #: Events that Adyen sends only where the shop switched them on.
    extra_events: list[str] = msgspec.field(default_factory=lambda: ["OFFER_CLOSED"])
    webhook_timeout_s: Annotated[float, msgspec.Meta(gt=0)] = 10.0
    #: "status": any 2xx accepts; "body": the body [accepted] too, as it used to be.
    accepted_by: Literal["status", "body"] = "status"
    #: Whether test notifications bear a seal; Adyen's published sample has none.
    test_notices_sealed: bool = True


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is fixed at the start."""

    api_key: str = "twin-api-key"
    merchant_account: str = "TwinMerchant"
    #: Where shoppers reach the twin; None: where the request that asks reached it.
    public_url: str | None = None
    state_file: Path | None = None
