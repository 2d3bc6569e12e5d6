"""Everything the twin remembers, as plain data that can be written to the state file.

Nothing here decides anything. Moments are seconds since 1970 by the twin's clock. The
names in the file are an interface, because files of older versions must load: `rename`
maps the name of a field here to its name in the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Any, Final, Literal, get_args

import msgspec

from adyen_twin.core.faults import PlannedFault


class Status(StrEnum):
    """The status of a payment at the wallet."""

    AWAITING = "awaiting"
    AUTHORISED = "authorised"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Kind(StrEnum):
    """The kinds of modification."""

    CAPTURE = "capture"
    REFUND = "refund"
    CANCEL = "cancel"
    REVERSAL = "reversal"
    TECHNICAL_CANCEL = "technicalCancel"


class Outcome(StrEnum):
    """The outcome of a modification."""

    RECEIVED = "received"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    #: It succeeded and later failed.
    UNDONE = "undone"


class Amount(msgspec.Struct, frozen=True):
    """An amount in Adyen's minor units; rupiah have none, so 25000 is Rp25.000."""

    currency: str
    value: int


class Refusal(msgspec.Struct, frozen=True):
    """Why a wallet refused, by Adyen's table of refusal reasons."""

    reason: str
    code: str


class Event(msgspec.Struct):
    """An event of a payment; it is kept whether or not a webhook is configured."""

    at: float
    code: str
    success: bool
    psp_reference: str
    value: int
    reason: str = ""
    #: The payment's pspReference, if the event is about a modification or dispute of it.
    original_reference: str | None = None


class Modification(msgspec.Struct, kw_only=True):
    """A modification of a payment, and its outcome."""

    psp_reference: str
    kind: Kind
    amount: Amount
    at: float
    #: The shop's own reference for the modification, if it gave one.
    reference: str | None = None
    outcome: Outcome = Outcome.RECEIVED
    reason: str = ""
    #: For a reversal: whether it cancelled or refunded.
    action: Literal["cancel", "refund"] | None = None
    #: A capture that Adyen made by itself.
    automatic: bool = False
    #: A capture of a payment that is captured already: it succeeds and changes nothing.
    idle: bool = False


class WalletState(StrEnum):
    """The state of a wallet, which decides whether it pays."""

    OK = "ok"
    NO_BALANCE = "no_balance"
    #: The shopper unlinked the shop at GoPay, and Adyen does not know it.
    UNLINKED = "unlinked"
    BLOCKED = "blocked"


class Wallet(msgspec.Struct, kw_only=True):
    """A GoPay wallet."""

    account: str
    state: WalletState = WalletState.OK
    #: None: the knob `walletBalance`.
    balance: int | None = None


class Token(msgspec.Struct, kw_only=True):
    """A shopper's permission to be charged again."""

    id: str
    merchant_account: str
    shopper_reference: str
    wallet_account: str
    models: list[str]
    first_psp_reference: str
    #: The merchantReference of the first payment.
    reference: str
    created_at: float
    active: bool = True


class Payment(msgspec.Struct, kw_only=True):
    """A payment, with everything that happened to it."""

    #: The payment's own reference; the shop learns it from details or AUTHORISATION.
    psp_reference: str
    #: The reference of the offer, which is in the header of the answer to /payments.
    offer_reference: str
    merchant_account: str
    reference: str
    amount: Amount
    return_url: str
    created_at: float
    expires_at: float
    metadata: dict[str, str] = {}

    status: Status = Status.AWAITING
    refusal: Refusal | None = None
    pin_tries: int = 0
    wallet_account: str = ""
    shopper_reference: str | None = None
    #: The model for which the payment saves a token, if it does.
    saves_for: str | None = None
    #: The token that the payment charges or saved.
    token: str | None = None
    #: The result of saving it: created, alreadyExisting or updated.
    saved_as: str | None = None
    charges: bool = False

    #: The redirect to the wallet and the return to the shop.
    redirect_data: str
    page_key: str
    #: The form field that a POST redirect must contain; None for a GET redirect.
    form_proof: str | None = None
    return_by_post: bool = False
    redirect_result: str
    comes_back: bool = True
    details_asked: bool = False

    modifications: list[Modification] = []
    #: No more can be captured: a partial capture released the rest, or it expired.
    authorisation_over: bool = False
    events: list[Event] = []
    warnings: list[str] = []


class Endpoint(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Where webhooks of one kind are sent, and how they are signed."""

    url: str
    #: None: webhooks are not signed, as at Adyen before a key is generated.
    hmac_key: str | None
    username: str | None = None
    password: str | None = None
    previous_hmac_key: str | None = None
    active: bool = True


EndpointName = Literal["standard", "tokens"]
ENDPOINT_NAMES: Final[tuple[EndpointName, ...]] = get_args(EndpointName)


class Message(msgspec.Struct, frozen=True):
    """The exact body of a webhook, and the headers that belong to it."""

    body: str
    headers: dict[str, str] = {}


class Webhook(
    msgspec.Struct,
    kw_only=True,
    rename={"message": "letter", "spoiled": "first_letters", "event_code": "says"},
):
    """A webhook in a queue: its message, and when it is tried next."""

    id: int
    message: Message
    #: The messages of the first tries, where a fault spoiled them.
    spoiled: list[Message] = []
    #: An eventCode, or the type of a token webhook.
    event_code: str
    psp_reference: str
    reference: str
    due_at: float
    first_tried_at: float | None = None
    tries: int = 0


class Attempt(msgspec.Struct, kw_only=True, rename="camel"):
    """An attempt to deliver a webhook, and its result, as `/twin/deliveries` shows it."""

    endpoint: EndpointName
    webhook_id: int = msgspec.field(name="notice")
    attempt: int
    at: str
    url: str
    event_code: str
    psp_reference: str
    reference: str
    #: The HTTP status of the answer; None: no answer.
    status: int | None
    #: The exact body that was sent.
    body: str
    headers: dict[str, str]
    answer: str
    accepted: bool
    error: str | None = None


class StoredReply(msgspec.Struct, kw_only=True):
    """The first answer to a call with an idempotency key."""

    fingerprint: str
    at: float
    status: int = 0
    body: bytes = b""
    #: While the first call runs, others with the same key are answered 704.
    running: bool = True
    headers: dict[str, str] = {}
    #: The payment that the call made or changed: warnings are added to it.
    psp_reference: str | None = None


class Task(msgspec.Struct, rename={"arguments": "subject"}):
    """A function call that is due at a moment; `kind` names the function."""

    due_at: float
    number: int
    kind: str
    #: The merchantReference of the payment it is about.
    reference: str | None = None
    arguments: dict[str, Any] = {}

    def __lt__(self, other: Task) -> bool:
        return (self.due_at, self.number) < (other.due_at, other.number)


#: Only the newest attempts are kept, at most this many.
ATTEMPTS_MAX: Final = 100_000


class State(msgspec.Struct, kw_only=True, rename={"tasks": "errands"}):
    """The whole state."""

    advanced_s: float = 0.0
    counter: int = 0
    payments: dict[str, Payment] = {}
    endpoints: dict[str, Endpoint] = {}
    queues: dict[str, list[Webhook]] = {}
    #: Webhooks that a fault holds back until another one is queued.
    held: dict[str, list[Webhook]] = {}
    faults: list[PlannedFault] = []
    tokens: dict[str, Token] = {}
    wallets: dict[str, Wallet] = {}
    #: Which wallet a shopper uses: shopperReference -> account.
    shoppers: dict[str, str] = {}
    attempts: list[Attempt] = []
    replies: dict[str, StoredReply] = {}
    #: A heap: the task that is due next comes first.
    tasks: list[Task] = []


class Memory:
    """The state, with indexes to find payments in it."""

    def __init__(self, state: State | None = None) -> None:
        self.state = state or State()
        self._by: dict[str, Payment] = {}
        self._by_reference: dict[str, list[Payment]] = {}
        for payment in self.state.payments.values():
            self._index(payment)

    def add(self, payment: Payment) -> None:
        """Add a new payment."""
        self.state.payments[payment.psp_reference] = payment
        self._index(payment)

    def payment(self, name: str) -> Payment | None:
        """Return the payment that has this name.

        The name is its pspReference, its offer's, its redirectData, redirectResult or page key.
        """
        return self._by.get(name)

    def payments_with(self, reference: str) -> list[Payment]:
        """Return every payment with this merchantReference, oldest first."""
        return self._by_reference.get(reference, [])

    def next_number(self) -> int:
        """Return the next number; no number is returned twice."""
        self.state.counter += 1
        return self.state.counter

    def _index(self, payment: Payment) -> None:
        for name in _names_of(payment):
            self._by[name] = payment
        self._by_reference.setdefault(payment.reference, []).append(payment)


def _names_of(payment: Payment) -> Iterator[str]:
    yield payment.psp_reference
    yield payment.offer_reference
    yield payment.redirect_data
    yield payment.redirect_result
    yield payment.page_key
