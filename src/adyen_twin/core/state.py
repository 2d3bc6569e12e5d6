"""The state of the twin, as plain data that can be written to the state file.

Moments are seconds since 1970 by the twin's clock. The names in the file must not change,
because files of older versions must load. `rename` maps the name of a field in the code to
its name in the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Any, Final, Literal

import msgspec

from adyen_twin.core.books import Books, Report
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
    #: A cancel by merchantReference.
    TECHNICAL_CANCEL = "technicalCancel"


class Outcome(StrEnum):
    """The outcome of a modification."""

    RECEIVED = "received"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    #: The modification succeeded and later failed.
    UNDONE = "undone"


class Amount(msgspec.Struct, frozen=True):
    """An amount in Adyen's minor units; rupiah have none, so 25000 is Rp25.000."""

    currency: str
    value: int


class Refusal(msgspec.Struct, frozen=True):
    """The reason and code of a refusal, from Adyen's table of refusal reasons."""

    reason: str
    code: str


class Event(msgspec.Struct):
    """An event of a payment; it is stored even if no webhook is configured."""

    at: float
    code: str
    success: bool
    psp_reference: str
    #: In minor units.
    value: int
    reason: str = ""
    #: The payment's pspReference, if the event is about a modification or a dispute.
    original_reference: str | None = None


class Modification(msgspec.Struct, kw_only=True):
    """A modification of a payment, and its outcome."""

    psp_reference: str
    kind: Kind
    amount: Amount
    at: float
    #: The shop's reference of the modification, if the shop gave one.
    reference: str | None = None
    outcome: Outcome = Outcome.RECEIVED
    reason: str = ""
    #: What a reversal did; None for other kinds.
    action: Literal["cancel", "refund"] | None = None
    #: True for a capture that the shop did not request.
    automatic: bool = False
    #: True for a capture of an already captured payment; such a capture succeeds without effect.
    idle: bool = False


class WalletState(StrEnum):
    """The state of a wallet; it determines whether the wallet pays."""

    OK = "ok"
    NO_BALANCE = "no_balance"
    #: The shopper unlinked the shop at GoPay, but the token is still active at Adyen.
    UNLINKED = "unlinked"
    BLOCKED = "blocked"


class Wallet(msgspec.Struct, kw_only=True):
    """A GoPay wallet."""

    account: str
    state: WalletState = WalletState.OK
    #: In rupiah, before it paid; None: the value of the knob `walletBalance`.
    balance: int | None = None
    #: What payments took from the balance, less what was given back, in rupiah.
    spent: int = 0


class Token(msgspec.Struct, kw_only=True):
    """A shopper's permission to charge their wallet again."""

    id: str
    merchant_account: str
    shopper_reference: str
    wallet_account: str
    #: The recurring processing models for which the token was saved.
    models: list[str]
    first_psp_reference: str
    #: The merchantReference of the payment that created the token.
    reference: str
    created_at: float
    active: bool = True


class Payment(msgspec.Struct, kw_only=True):
    """A payment with its modifications and events.

    Until the shopper's decision, the payment is an offer, which has another pspReference.
    """

    #: The payment's pspReference, which /payments/details and AUTHORISATION have.
    psp_reference: str
    #: The offer's pspReference, which OFFER_CLOSED and the header of /payments' answer have.
    offer_reference: str
    merchant_account: str
    #: The merchantReference.
    reference: str
    amount: Amount
    return_url: str
    created_at: float
    expires_at: float
    metadata: dict[str, str] = {}

    status: Status = Status.AWAITING
    refusal: Refusal | None = None
    #: How many wrong PINs the shopper entered.
    pin_tries: int = 0
    wallet_account: str = ""
    shopper_reference: str | None = None
    #: The recurring processing model for which the payment saves a token; None: it saves none.
    saves_for: str | None = None
    #: The token that the payment charges or saved.
    token: str | None = None
    #: The result of saving the token: created, alreadyExisting or updated.
    saved_as: str | None = None
    #: Whether the payment charges a token.
    is_token_charge: bool = msgspec.field(default=False, name="charges")

    #: The random value in the address of the redirect to the wallet.
    redirect_data: str
    #: The random value in the address of the payment's GoPay page.
    page_key: str
    #: The random value in the form of a redirect by POST; None: the redirect is by GET.
    form_proof: str | None = None
    return_by_post: bool = False
    #: The random value in the address of the return to the shop.
    redirect_result: str
    #: Whether the shopper returns to the shop after the decision.
    comes_back: bool = True
    #: Whether /payments/details was called.
    details_asked: bool = False

    #: What the payment has taken from its wallet, in rupiah.
    taken: int = 0
    modifications: list[Modification] = []
    #: Whether the uncaptured rest was released by a partial capture, or expired.
    authorisation_over: bool = False
    events: list[Event] = []
    warnings: list[str] = []


CommunicationFormat = Literal["json", "http", "soap"]


class EndpointSettings(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """The settings of a webhook endpoint that a control can change."""

    url: str
    #: As hex digits; None: webhooks are not signed, as at Adyen before an HMAC key is generated.
    hmac_key: str | None
    username: str | None = None
    password: str | None = None
    previous_hmac_key: str | None = None
    active: bool = True
    communication_format: CommunicationFormat = "json"
    #: The events of OFF_BY_DEFAULT that are sent; None: those of the knob `extraEvents`.
    include_event_codes: list[str] | None = None


class Endpoint(EndpointSettings, rename="camel", forbid_unknown_fields=True):
    """The address for webhooks, their HMAC keys, and what the Management API stores."""

    #: The id in the Management API.
    id: str = "S2-54574E4B4153"
    type: str = "standard"
    #: The other fields of the Management API, which it only stores.
    other: dict[str, Any] = {}


#: The events that Adyen sends only if a webhook includes them.
OFF_BY_DEFAULT: Final = ("OFFER_CLOSED", "RECURRING_CONTRACT", "POSTPONED_REFUND")

EndpointName = str
STANDARD: Final[EndpointName] = "standard"
TOKENS: Final[EndpointName] = "tokens"
#: The names of the webhooks that the Management API adds beside the webhook `standard`.
MORE_NAMES: Final = tuple(f"standard-{number}" for number in range(2, 7))
ENDPOINT_NAMES: Final[tuple[EndpointName, ...]] = (STANDARD, TOKENS, *MORE_NAMES)


class Message(msgspec.Struct, frozen=True):
    """The exact body of a webhook, and the headers that belong to it."""

    body: str
    headers: dict[str, str] = {}


class Webhook(
    msgspec.Struct,
    kw_only=True,
    rename={"message": "letter", "spoiled": "first_letters", "event_code": "says"},
):
    """A webhook in a queue: its message, and the moment of its next try."""

    id: int
    message: Message
    #: The messages that the first tries send instead, because of a fault.
    spoiled: list[Message] = []
    #: An eventCode, or the type of a token webhook.
    event_code: str
    psp_reference: str
    reference: str
    due_at: float
    first_tried_at: float | None = None
    tries: int = 0


class Attempt(msgspec.Struct, kw_only=True, rename="camel"):
    """An attempt to deliver a webhook and its result, in the format of /twin/deliveries."""

    endpoint: EndpointName
    webhook_id: int = msgspec.field(name="notice")
    #: The number of the try, from 1 on; 0: a fault lost the webhook.
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

    #: A hash of the path and the body of the call.
    fingerprint: str
    at: float
    status: int = 0
    body: bytes = b""
    #: Whether the first call is running; until its end, a call with the same key is answered 704.
    running: bool = True
    headers: dict[str, str] = {}
    #: The payment that the call created or changed; warnings are added to it.
    psp_reference: str | None = None


class Task(msgspec.Struct, rename={"arguments": "subject"}):
    """A function call that is due at a moment; `simulation.tasks` has the function of `kind`."""

    due_at: float
    #: Orders the tasks that are due at the same moment.
    number: int
    kind: str
    #: The merchantReference of the payment that the task is about.
    reference: str | None = None
    arguments: dict[str, Any] = {}

    def __lt__(self, other: Task) -> bool:
        return (self.due_at, self.number) < (other.due_at, other.number)


#: How many attempts to deliver webhooks are kept; older ones are deleted.
ATTEMPTS_MAX: Final = 100_000


class State(msgspec.Struct, kw_only=True, rename={"tasks": "errands"}):
    """The whole state."""

    advanced_s: float = 0.0
    #: The last number that `Memory.next_number` returned.
    counter: int = 0
    #: pspReference -> payment.
    payments: dict[str, Payment] = {}
    #: Name of an endpoint -> endpoint.
    endpoints: dict[str, Endpoint] = {}
    #: Name of an endpoint -> its queue.
    queues: dict[str, list[Webhook]] = {}
    #: Name of an endpoint -> the webhooks that a fault holds back until another one is queued.
    held: dict[str, list[Webhook]] = {}
    faults: list[PlannedFault] = []
    tokens: dict[str, Token] = {}
    wallets: dict[str, Wallet] = {}
    #: shopperReference -> the account of the wallet that the shopper uses.
    shoppers: dict[str, str] = {}
    attempts: list[Attempt] = []
    #: Idempotency key -> first answer.
    replies: dict[str, StoredReply] = {}
    #: Merchant account -> its books.
    books: dict[str, Books] = {}
    reports: list[Report] = []
    #: A heap, so the task that is due next is the first.
    tasks: list[Task] = []


class Memory:
    """The state, with indexes to find payments in it."""

    def __init__(self, state: State | None = None) -> None:
        self.state = state or State()
        self._by_name: dict[str, Payment] = {}
        self._by_reference: dict[str, list[Payment]] = {}
        for payment in self.state.payments.values():
            self._index(payment)

    def add(self, payment: Payment) -> None:
        """Add a new payment."""
        self.state.payments[payment.psp_reference] = payment
        self._index(payment)

    def payment(self, name: str) -> Payment | None:
        """Return the payment with this name, if there is one.

        A name is a pspReference of a payment or an offer, a redirectData, a redirectResult or a
        page key.
        """
        return self._by_name.get(name)

    def payments_with(self, reference: str) -> list[Payment]:
        """Return every payment with this merchantReference, oldest first."""
        return self._by_reference.get(reference, [])

    def next_number(self) -> int:
        """Return a number that was never returned before."""
        self.state.counter += 1
        return self.state.counter

    def _index(self, payment: Payment) -> None:
        for name in _names_of(payment):
            self._by_name[name] = payment
        self._by_reference.setdefault(payment.reference, []).append(payment)


def _names_of(payment: Payment) -> Iterator[str]:
    yield payment.psp_reference
    yield payment.offer_reference
    yield payment.redirect_data
    yield payment.redirect_result
    yield payment.page_key
