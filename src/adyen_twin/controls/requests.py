"""What control calls may ask, and how they are read."""

import re
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from adyen_twin.api.http import NotJsonError, json_of
from adyen_twin.controls import choices
from adyen_twin.core.state import WalletState

Told = TypeVar("Told")
Account = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class ControlError(Exception):
    """A control call that cannot be done, with the status to answer."""

    def __init__(self, status: int, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": message} | ({"field": field} if field else {})


class WalletOrder(msgspec.Struct, forbid_unknown_fields=True):
    """What the shopper is to do, and with which payment."""

    url: str
    do: Literal["approve", "approve_without_return", "refuse", "cancel", "expire"]
    pin: str | None = None
    #: Another GoPay account than the shopper's; for payments that name a shopper.
    account: Account | None = None


class WalletChange(msgspec.Struct, forbid_unknown_fields=True):
    """What is to change about a shopper's wallet; what is not named stays."""

    state: WalletState | msgspec.UnsetType = msgspec.UNSET
    #: None: what the knob says.
    balance: Annotated[int, msgspec.Meta(ge=0)] | msgspec.UnsetType | None = msgspec.UNSET
    #: The shopper takes another GoPay account from now on.
    account: Account | msgspec.UnsetType = msgspec.UNSET


class TokenOrder(msgspec.Struct, forbid_unknown_fields=True):
    """What is to happen to a token, by a hand that is not the shop's."""

    do: Literal["disable", "update"]


class ClockOrder(msgspec.Struct, forbid_unknown_fields=True):
    """How far time is to leap."""

    advance_s: float


class TrialOrder(msgspec.Struct, forbid_unknown_fields=True):
    """Which events to test."""

    types: list[str] = msgspec.field(default_factory=lambda: ["AUTHORISATION"])


class ForeignAmount(msgspec.Struct, forbid_unknown_fields=True):
    """An amount of another system's: any whole number, for a shop to make sense of."""

    currency: str
    value: int


class ForeignOrder(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """What another system on the same account does."""

    reference: Annotated[str, msgspec.Meta(min_length=1)]
    #: A bare number is of rupiah.
    amount: int | ForeignAmount
    payment_method: Annotated[str, msgspec.Meta(min_length=1)] = "visa"
    event: Literal["AUTHORISATION", "REFUND", "CHARGEBACK", "CANCELLATION", "CAPTURE_FAILED"] = (
        "AUTHORISATION"
    )
    success: bool = True
    #: Of a change: the payment it is of; one of the other system's unless given.
    original_reference: Annotated[str, msgspec.Meta(min_length=1)] | None = None


class DisputeOrder(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """What the shopper's side tells of a dispute of a payment; what is not said is usual."""

    event: Literal[
        "NOTIFICATION_OF_CHARGEBACK",
        "CHARGEBACK",
        "INFORMATION_SUPPLIED",
        "DISPUTE_DEFENSE_PERIOD_ENDED",
        "CHARGEBACK_REVERSED",
        "SECOND_CHARGEBACK",
        "PREARBITRATION_WON",
        "PREARBITRATION_LOST",
    ] = "NOTIFICATION_OF_CHARGEBACK"
    #: The dispute's own name; a new one for its first event, unless it is told here.
    psp_reference: Annotated[str, msgspec.Meta(min_length=1)] | None = None
    #: Minor units; the whole payment unless told.
    value: Annotated[int, msgspec.Meta(ge=0)] | None = None
    reason: str = "Goods or Services Not Provided"
    reason_code: str = "13.1"
    #: Until when it can be defended, counted from now.
    defense_days: Annotated[float, msgspec.Meta(ge=0, le=366)] = 14.0
    #: In Adyen's word; what fits the event unless told.
    dispute_status: str | None = None


def read(raw: bytes, kind: type[Told]) -> Told:
    """Return a control call's body.

    Raises:
        ControlError: It is not what the call takes; says which field.

    """
    body = raw or b"null"
    try:
        try:
            told: Told = json_of(body, kind)
        except msgspec.ValidationError as error:
            # What is of another kind may be no JSON either, further on.
            raise ControlError(422, *_complaint(str(error), json_of(body), kind)) from None
    except NotJsonError as error:
        raise ControlError(400, f"not JSON: {error}") from None
    return told


def _complaint(message: str, body: Any, kind: Any) -> tuple[str, str | None]:
    """Return msgspec's complaint with what would be right, and the path that it is about."""
    said, _, at = message.partition(" - at `")
    path = at.rstrip("`")
    if "unknown field" in said:
        said += f"; there are {', '.join(choices.fields_at(kind, body, path))}"
    parts = [path.removeprefix("$").removeprefix(".")]
    if named := re.search(r"(?:required|unknown) field `(.+?)`", said):
        parts.append(named[1])
    wanted = f"{path}.{named[1]}" if named else path
    if words := choices.words_at(kind, body, wanted):
        said += f"; there are {', '.join(words)}"
    return said, ".".join(filter(None, parts)) or None
