"""Settings: options that are fixed at the start, and knobs that can change while the twin runs.

A knob is a guess about Adyen or GoPay, or a behaviour that a test may need to change. Each
knob is a field here and a row in docs/twin.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from adyen_twin.core import roles

#: The user of HTTP Basic, whose password is the API key.
WEB_SERVICE_USER: Final = "ws@Company.Twin"

Whole = Annotated[int, msgspec.Meta(ge=0)]
Positive = Annotated[int, msgspec.Meta(ge=1)]


class Answer(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """The error to answer for a broken rule, instead of the rule's default error."""

    status: Annotated[int, msgspec.Meta(ge=400, le=599)]
    error_code: str
    message: str
    error_type: str = "validation"


class Knobs(msgspec.Struct, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """The settings that PUT /twin/knobs can change while the twin runs."""

    #: True: GoPay requires both `browserInfo` and `channel`, and ContAuth for a charge. False:
    #: GoPay requires only `browserInfo` or `channel`, and no ContAuth.
    strict: bool = True
    #: What a request for /paymentMethods must have for GoPay to be listed; see `payments.methods`.
    listing_needs: list[Literal["countryCode", "amount", "channel"]] = []
    #: Whether a payment from an app needs `browserInfo`.
    app_browser_info: Literal["optional", "required"] = "optional"
    #: Whether a charge of a token needs a `returnUrl`.
    charge_return_url: Literal["optional", "required"] = "optional"
    #: Whether a CardOnFile charge may also be Ecommerce, or must be ContAuth.
    card_on_file_interaction: Literal["any", "ContAuth"] = "any"
    #: Whether an `amount.value` may be a text of digits; if not, it must be a JSON number.
    amount_texts: Literal["accept", "refuse"] = "accept"
    #: The limits of a GoPay payment, in rupiah.
    amount_min: Positive = 1
    amount_max: Positive = 20_000_000
    #: The name of a rule -> the error to answer instead of the rule's default error.
    answers: dict[str, Answer] = {}
    #: Other types that /paymentMethods lists for Indonesia; the twin accepts no payments with them.
    also_listed: list[str] = []

    #: A wallet's balance in rupiah, before it pays.
    wallet_balance: Whole = 10_000_000
    #: "drawn": a payment reduces the balance of its shopper's wallet, and a refund restores it;
    #: "constant": neither changes it.
    balance: Literal["drawn", "constant"] = "drawn"
    wallet_pin: Annotated[str, msgspec.Meta(pattern="^[0-9]{6}$")] = "123456"
    #: After this many wrong PINs, the payment is refused.
    pin_tries: Positive = 3
    payment_expiry_s: Positive = 30 * 60
    #: Where `action` redirects: "web": to Adyen's page by GET; "post": to that page by POST,
    #: even if the shop did not request it; "app": to an address of the app on a phone (GUESS).
    action_url: Literal["web", "post", "app"] = "web"

    #: "recorded": the reason REFUSED or CANCELLED with code "0", as plugins recorded it;
    #: "detailed": the reason and code of Adyen's table of refusal reasons.
    refusal_reasons: Literal["recorded", "detailed"] = "recorded"
    idempotency_days: Positive = 7
    #: A used idempotency key with another body: "replay": the first answer; "refuse": the error
    #: 422/704.
    idempotency_other_body: Literal["replay", "refuse"] = "replay"
    #: A second /payments/details: "refuse": the error 422/704; "replay": the first answer.
    details_repeat: Literal["refuse", "replay"] = "refuse"
    #: Whether the answer to /payments/details has merchantReference, amount and paymentMethod.
    #: They are optional in the schema, and missing in Adyen's published example.
    details_reference: Literal["absent", "present"] = "absent"
    #: Whether AUTHORISATION has the payment's metadata.
    authorisation_metadata: bool = True
    #: Whether the return address has an empty pair, `?own=1&&redirectResult=…`, as in a sample of
    #: Adyen's docs.
    return_double_ampersand: bool = False

    #: "automatic": a payment is captured when it is authorised; "manual": by POST /captures.
    capture: Literal["automatic", "manual"] = "automatic"
    #: Whether several partial captures are possible; if not, the first capture releases the rest.
    several_captures: bool = False
    #: After this many days, the uncaptured rest of a payment expires.
    authorisation_days: Positive = 28
    #: The seconds between the request for a modification and its outcome.
    modification_s: Annotated[float, msgspec.Meta(ge=0)] = 1.0
    #: A cancel of a captured payment: "fail": it fails; "cancel": it cancels the payment.
    cancel_of_captured: Literal["fail", "cancel"] = "fail"
    #: The days from the capture in which a payment can be refunded; None: no limit.
    refund_days: Positive | None = None
    #: The same for a payment that charged a token; None: `refundDays`.
    token_refund_days: Positive | None = None
    #: The references of EXPIRE: "payment": its pspReference is the payment's, and it has no
    #: originalReference; "own": its pspReference is its own, its originalReference the payment's.
    expire_references: Literal["payment", "own"] = "payment"
    #: The merchantReference in a modification's webhook: "payment": the payment's;
    #: "modification": the modification's, if it has one.
    modification_reference: Literal["payment", "modification"] = "payment"

    #: When recurring.token.* is sent: "after": `settlementS` after AUTHORISATION; "before": before
    #: AUTHORISATION.
    tokens_sent: Literal["after", "before", "never"] = msgspec.field(
        default="after", name="tokensTold"
    )
    settlement_s: Annotated[float, msgspec.Meta(ge=0)] = 10.0
    #: "created": a token can be charged only in the models for which it was saved; "both": in
    #: both models.
    tokens_charged: Literal["created", "both"] = "created"
    #: The error for a shopper who has no token, or for a token of another shopper: 800 or 803.
    wrong_shopper: Literal["800", "803"] = "800"
    #: Whether AUTHORISATION and the answer to /payments/details have tokenization.* fields.
    tokens_in_authorisation: bool = False
    #: The white space in the JSON of token webhooks; a shop must verify the received bytes.
    token_json: Literal["compact", "spaced"] = msgspec.field(
        default="compact", name="tokensSpelled"
    )
    #: The answer to a Subscription charge: "decided": the wallet's decision; the others: a
    #: resultCode before the decision.
    charge_result: Literal["decided", "Received", "Pending"] = "decided"
    #: The seconds between the answer Received or Pending and the decision.
    charge_s: Annotated[float, msgspec.Meta(ge=0)] = 5.0

    #: The roles of the API credential. GET /me lists them, and a call without its role is refused.
    roles: list[str] = msgspec.field(default_factory=lambda: list(roles.DEFAULT))
    #: The addresses that may use the API key; empty: any.
    allowed_ip_addresses: list[str] = []
    #: The origins that GET /me lists. The twin does not check them.
    allowed_origins: list[str] = []
    #: The `captureDelay` of the merchant account, if `capture` is "automatic"; with "manual", it
    #: is "manual". The twin captures at once in any case.
    capture_delay: Annotated[str, msgspec.Meta(pattern="^(immediate|[1-9]|1[0-9]|2[0-9])$")] = (
        "immediate"
    )
    account_status: Literal[
        "PreActive", "Active", "InactiveWithModifications", "Inactive", "Closed"
    ] = "Active"
    #: The live URL prefix of the merchant account; Adyen's is empty in the test environment.
    live_prefix: str = ""
    #: The state of GoPay in the settings of payment methods; "absent": it is not listed. It does
    #: not change what /paymentMethods answers.
    gopay_setting: Literal["enabled", "disabled", "pending", "absent"] = "enabled"

    #: The events that the shop enabled for the webhook `standard`, unless the webhook has its own
    #: list; Adyen does not send them by default.
    extra_events: list[str] = msgspec.field(default_factory=lambda: ["OFFER_CLOSED"])
    #: Which webhooks of a payment have `additionalData.paymentMethodVariant`: "schema": those whose
    #: schema has it; "always": OFFER_CLOSED and RECURRING_CONTRACT too.
    payment_method_variant: Literal["schema", "always", "never"] = "schema"
    #: The User-Agent of webhooks.
    webhook_user_agent: Annotated[str, msgspec.Meta(pattern="^[!-~][ -~]*$")] = (
        "Adyen HttpClient 1.0"
    )
    webhook_timeout_s: Annotated[float, msgspec.Meta(gt=0)] = 10.0
    #: "status": any 2xx accepts a webhook; "body": the body of the answer must also be [accepted],
    #: as in older pages.
    accepted_by: Literal["status", "body"] = "status"
    #: Whether test notifications are signed; Adyen's published sample is not.
    test_notifications_signed: bool = msgspec.field(default=True, name="testNoticesSealed")
    #: What the `includeEventCodes` of a PATCH does to the earlier list.
    patched_events: Literal["replace", "add"] = "replace"
    #: The `hmacKeyCheckValue` of a webhook with a key: "of_key": it changes with the key.
    key_check_value: Literal["of_key", "absent"] = "of_key"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The options that are fixed at the start."""

    api_key: str = "twin-api-key"
    merchant_account: str = "TwinMerchant"
    #: Further merchant accounts, with the same API key and webhooks.
    more_merchant_accounts: tuple[str, ...] = ()
    #: The base URL that shoppers use; None: the base URL of the current request.
    public_url: str | None = None
    state_file: Path | None = None

    @property
    def company_account(self) -> str:
        """Return the id of the company account that has the merchant accounts."""
        return f"{self.merchant_account}Company"
