"""Everything the twin remembers, as plain data, so that it can be written to a file.

Nothing here decides anything. Moments are seconds since 1970 by the twin's clock.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any, Literal

import msgspec

from adyen_twin.core.faults import Planned


class Status(StrEnum):
    """Where a payment stands with the wallet."""

    AWAITING = "awaiting"
    AUTHORISED = "authorised"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Kind(StrEnum):
    """What may be asked of a payment afterwards."""

    CAPTURE = "capture"
    REFUND = "refund"
    CANCEL = "cancel"
    REVERSAL = "reversal"
    TECHNICAL_CANCEL = "technicalCancel"


class Outcome(StrEnum):
    """What came of a modification."""

    RECEIVED = "received"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    #: It succeeded, and then failed after all.
    UNDONE = "undone"


class Amount(msgspec.Struct, frozen=True):
    """An amount in Adyen's minor units; rupiah have none, so 25000 is Rp25.000."""

    currency: str
    value: int


class Refusal(msgspec.Struct, frozen=True):
    """Why a wallet said no, in the words of Adyen's table of refusal reasons."""

    reason: str
    code: str


class Event(msgspec.Struct):
    """One thing that happened to a payment and that the twin told, or would have told."""

    at: float
    code: str
    success: bool
    psp_reference: str
    value: int
    reason: str = ""
    #: The payment's pspReference, where the event is of something done to it.
    original_reference: str | None = None


class Modification(msgspec.Struct, kw_only=True):
    """Something asked of a payment afterwards, and what came of it."""

    psp_reference: str
    kind: Kind
    amount: Amount
    at: float
    #: The shop's own reference of the modification, if it gave one.
    reference: str | None = None
    outcome: Outcome = Outcome.RECEIVED
    reason: str = ""
    #: Of a reversal: whether it cancelled or refunded.
    action: Literal["cancel", "refund"] | None = None
    #: A capture that Adyen made by itself.
    automatic: bool = False
    #: A capture of what was captured already: it succeeds and changes nothing.
    idle: bool = False


class WalletState(StrEnum):
    """Whether a wallet pays."""

    OK = "ok"
    NO_BALANCE = "no_balance"
    #: The shopper unlinked the shop at GoPay, and Adyen has not been told.
    UNLINKED = "unlinked"
    BLOCKED = "blocked"


class Wallet(msgspec.Struct, kw_only=True):
    """One GoPay wallet."""

    account: str
    state: WalletState = WalletState.OK
    #: None: what the knob says.
    balance: int | None = None


class Token(msgspec.Struct, kw_only=True):
    """A shopper's permission to be charged again."""

    id: str
    merchant_account: str
    shopper_reference: str
    wallet_account: str
    models: list[str]
    first_psp_reference: str
    #: The shop's reference of the first payment.
    reference: str
    created_at: float
    active: bool = True


class Payment(msgspec.Struct, kw_only=True):
    """One request to pay, and all that became of it."""

    #: The reference of the payment itself; the shop learns it late.
    psp_reference: str
    #: The reference of the offer, which the answer to /payments bears in its header.
    offer_reference: str
    merchant_account: str
    reference: str
    amount: Amount
    return_url: str
    created_at: float
    expires_at: float
    metadata: dict[str, str] = {}
    channel: str | None = None

    status: Status = Status.AWAITING
    refusal: Refusal | None = None
    decided_at: float | None = None
    pin_tries: int = 0
    wallet_account: str = ""
    shopper_reference: str | None = None
    #: The model for which the payment is to save a token.
    saves_for: str | None = None
    #: The token that the payment charges, or saved.
    token: str | None = None
    #: What saving it did: created, alreadyExisting or updated.
    saved_as: str | None = None
    charges: bool = False

    #: The way out and the way back.
    redirect_data: str
    page_key: str
    #: The form field that proves a POST redirect was posted; None for a GET redirect.
    form_proof: str | None = None
    return_by_post: bool = False
    redirect_result: str
    comes_back: bool = True
    details_asked: bool = False

    modifications: list[Modification] = []
    #: Nothing more can be captured: it was, in part, or the authorisation ran out.
    authorisation_over: bool = False
    events: list[Event] = []
    warnings: list[str] = []


class Endpoint(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Where webhooks of one kind go, and how they are sealed."""

    url: str
    #: None sends them unsigned, as Adyen does while no key was generated.
    hmac_key: str | None
    username: str | None = None
    password: str | None = None
    previous_hmac_key: str | None = None
    active: bool = True


EndpointName = Literal["standard", "tokens"]


class Letter(msgspec.Struct, frozen=True):
    """What is posted: a body, to the byte, and the headers it brings."""

    body: str
    headers: dict[str, str] = {}


class Notice(msgspec.Struct, kw_only=True):
    """One webhook on its way: what is posted, and when it is tried next."""

    id: int
    letter: Letter
    #: What the first tries post instead, where a fault spoiled them.
    first_letters: list[Letter] = []
    says: str
    psp_reference: str
    reference: str
    due_at: float
    first_tried_at: float | None = None
    tries: int = 0


class Attempt(msgspec.Struct, kw_only=True, rename="camel"):
    """One try to deliver a notice, and what came of it."""

    endpoint: EndpointName
    notice: int
    attempt: int
    at: str
    url: str
    event_code: str
    psp_reference: str
    reference: str
    #: The answer's status; None when there was no answer.
    status: int | None
    #: What was posted, to the byte.
    body: str
    headers: dict[str, str]
    answer: str
    accepted: bool
    error: str | None = None


class KeptReply(msgspec.Struct, kw_only=True):
    """The first answer to an idempotency key."""

    fingerprint: str
    at: float
    status: int = 0
    body: bytes = b""
    #: While the first call runs, others that bear its key are told so.
    running: bool = True
    headers: dict[str, str] = {}
    #: The payment the call made or touched, to hang a warning on.
    psp_reference: str | None = None


class Errand(msgspec.Struct):
    """Something to be done at a moment; the agenda knows how, by its kind."""

    due_at: float
    number: int
    kind: str
    #: The merchantReference of the payment it is about.
    reference: str | None = None
    subject: dict[str, Any] = {}

    def __lt__(self, other: "Errand") -> bool:
        return (self.due_at, self.number) < (other.due_at, other.number)


#: The oldest attempts are forgotten beyond this many.
ATTEMPTS_MAX = 100_000


class State(msgspec.Struct, kw_only=True):
    """All of it."""

    advanced_s: float = 0.0
    counter: int = 0
    payments: dict[str, Payment] = {}
    endpoints: dict[str, Endpoint] = {}
    queues: dict[str, list[Notice]] = {}
    #: Notices that a fault holds back until another one has gone before them.
    held: dict[str, list[Notice]] = {}
    faults: list[Planned] = []
    tokens: dict[str, Token] = {}
    wallets: dict[str, Wallet] = {}
    #: Which wallet a shopper uses: shopperReference -> account.
    shoppers: dict[str, str] = {}
    attempts: list[Attempt] = []
    replies: dict[str, KeptReply] = {}
    errands: list[Errand] = []


class Memory:
    """The state, with the ways to find things in it."""

    def __init__(self, state: State | None = None) -> None:
        self.state = state or State()
        self._by: dict[str, Payment] = {}
        self._by_reference: dict[str, list[Payment]] = {}
        for payment in self.state.payments.values():
            self._index(payment)

    def add(self, payment: Payment) -> None:
        """Remember a new payment."""
        self.state.payments[payment.psp_reference] = payment
        self._index(payment)

    def payment(self, name: str) -> Payment | None:
        """Return the payment that any of its own names means.

        Its pspReference, its offer's, its redirectData, redirectResult or page key.
        """
        return self._by.get(name)

    def payments_with(self, reference: str) -> list[Payment]:
        """Return every payment made with this merchantReference, oldest first."""
        return self._by_reference.get(reference, [])

    def next_number(self) -> int:
        """Return the next of an unbroken count."""
        self.state.counter += 1
        return self.state.counter

    def _index(self, payment: Payment) -> None:
        for name in _own_names(payment):
            self._by[name] = payment
        self._by_reference.setdefault(payment.reference, []).append(payment)


def _own_names(payment: Payment) -> Iterator[str]:
    yield payment.psp_reference
    yield payment.offer_reference
    yield payment.redirect_data
    yield payment.redirect_result
    yield payment.page_key
