"""Ways in which the twin can be made to misbehave, each a thing seen in the field.

A fault is planned by PUT /twin/faults and strikes whatever it is aimed at: by the
payment's reference, by count (`skip`, `times`), by chance. Chance is drawn from the
seed and from what is struck, not from the order of arrival, so that a seed gives the
same faults however the calls interleave. Nothing here carries a fault out; those who
do, ask what strikes.
"""

import random
from collections.abc import Iterable
from typing import Annotated, Literal, TypeVar

import msgspec

Count = Annotated[int, msgspec.Meta(ge=0)]
Some = Annotated[int, msgspec.Meta(ge=1)]
Chance = Annotated[float, msgspec.Meta(ge=0, le=1)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]
CallName = Literal[
    "paymentMethods", "payments", "details", "captures", "refunds", "cancels", "reversals", "tokens"
]
#: Every event that the twin tells of: a fault aimed at another would strike nothing.
EventName = Literal[
    "AUTHORISATION",
    "CANCELLATION",
    "CANCEL_OR_REFUND",
    "CAPTURE",
    "CAPTURE_FAILED",
    "CHARGEBACK",
    "EXPIRE",
    "OFFER_CLOSED",
    "RECURRING_CONTRACT",
    "REFUND",
    "REFUNDED_REVERSED",
    "REFUND_FAILED",
    "TECHNICAL_CANCEL",
    "recurring.token.alreadyExisting",
    "recurring.token.created",
    "recurring.token.disabled",
    "recurring.token.updated",
]


class Fault(
    msgspec.Struct, kw_only=True, forbid_unknown_fields=True, rename="camel", tag_field="fault"
):
    """What every fault can be aimed by."""

    #: Only what concerns payments with this merchantReference.
    reference: str | None = None
    #: Spare the first so many that it is aimed at.
    skip: Count = 0
    #: Strike so often at most; None: always.
    times: Some | None = None
    probability: Chance = 1.0
    seed: int = 0


class NoticeFault(Fault):
    """Strikes a webhook on its way."""

    endpoint: Literal["standard", "tokens"] | None = None
    #: Only this event: an eventCode, or a token webhook's type.
    event_code: EventName | None = None


class DuplicateNotice(NoticeFault, tag="duplicate_notice"):
    """The same webhook comes more than once."""

    copies: Some = 1


class ReorderNotice(NoticeFault, tag="reorder_notice"):
    """It comes after the one that follows it, or after so many seconds."""

    seconds: Seconds = 60.0


class DelayNotice(NoticeFault, kw_only=True, tag="delay_notice"):
    """It is sent so many seconds late, and does not hold up others."""

    seconds: Seconds


class LoseNotice(NoticeFault, tag="lose_notice"):
    """It never comes."""


class WrongSeal(NoticeFault, tag="wrong_seal"):
    """Its first tries are sealed with a key that nobody has."""

    tries: Some = 1


class NoSeal(NoticeFault, tag="no_seal"):
    """Its first tries bear no seal at all."""

    tries: Some = 1


class PreviousKey(NoticeFault, tag="previous_key"):
    """It is sealed with the key before the present one."""


class CallFault(Fault):
    """Strikes a call to an Adyen API. One without `call` strikes any."""

    call: CallName | None = None


class LoseReplyBefore(CallFault, tag="lose_reply_before"):
    """The connection breaks before anything is done."""


class LoseReplyAfter(CallFault, tag="lose_reply_after"):
    """It is done, and then the connection breaks."""


class ErrorReply(CallFault):
    """The answer is an error. With `after`, the thing was done all the same."""

    after: bool = False


class Error500(ErrorReply, tag="error_500"):
    """An internal error."""


class Error503(ErrorReply, tag="error_503"):
    """503/703 with the header transient-error: true."""


class Conflict409(ErrorReply, tag="conflict_409"):
    """409/704."""


class Conflict422(ErrorReply, tag="conflict_422"):
    """422/704."""


class SlowReply(CallFault, kw_only=True, tag="slow_reply"):
    """It is done at once and answered so many real seconds later."""

    seconds: Seconds


class NoticeBeforeReply(CallFault, tag="notice_before_reply"):
    """What the call gives rise to is told by webhook before the call is answered."""


class DetailsSay(CallFault, kw_only=True, tag="details_say"):
    """/payments/details answers another resultCode than the wallet decided."""

    result_code: Literal["Authorised", "Refused", "Cancelled", "Pending", "Received", "Error"]


class WalletRefuses(Fault, tag="wallet_refuses"):
    """The wallet refuses what the shopper approves."""

    reason: str = "Refused"
    code: str = "2"


class FalseThenTrue(Fault, tag="false_then_true"):
    """An AUTHORISATION false of an earlier attempt is told before the true one."""

    seconds: Seconds = 0.0
    same_psp_reference: bool = False


class TrueThenFalse(Fault, tag="true_then_false"):
    """An AUTHORISATION false of an earlier attempt is told after the true one."""

    seconds: Seconds = 0.0
    same_psp_reference: bool = False


class OfferClosedAfterPaid(Fault, tag="offer_closed_after_paid"):
    """OFFER_CLOSED comes though the payment is paid."""

    seconds: Seconds = 0.0


class RefundRefused(Fault, tag="refund_refused"):
    """REFUND comes with success false."""

    reason: str = "Refused"


class RefundFailsLater(Fault, tag="refund_fails_later"):
    """REFUND true is followed by REFUND_FAILED or REFUNDED_REVERSED."""

    seconds: Seconds = 3600.0
    event_code: Literal["REFUND_FAILED", "REFUNDED_REVERSED"] = "REFUND_FAILED"


class CaptureFailsLater(Fault, tag="capture_fails_later"):
    """The capture is followed by CAPTURE_FAILED."""

    seconds: Seconds = 3600.0


AnyFault = (
    DuplicateNotice
    | ReorderNotice
    | DelayNotice
    | LoseNotice
    | WrongSeal
    | NoSeal
    | PreviousKey
    | LoseReplyBefore
    | LoseReplyAfter
    | Error500
    | Error503
    | Conflict409
    | Conflict422
    | SlowReply
    | NoticeBeforeReply
    | DetailsSay
    | WalletRefuses
    | FalseThenTrue
    | TrueThenFalse
    | OfferClosedAfterPaid
    | RefundRefused
    | RefundFailsLater
    | CaptureFailsLater
)


class Planned(msgspec.Struct):
    """A fault, and how often it met what it is aimed at and struck."""

    fault: AnyFault
    met: int = 0
    struck: int = 0
    #: How often each thing was met: what chance is drawn from.
    draws: dict[str, int] = {}


AnyKind = TypeVar("AnyKind", bound=Fault)


def strike(
    planned: Iterable[Planned], kind: type[AnyKind], *, what: str, reference: str | None
) -> AnyKind | None:
    """Return the first fault of a kind that strikes this, and count it.

    `what` says what is struck (a call, an event), for the draw; narrower aims than
    the reference have been looked at by those who ask.
    """
    return next(iter(_striking(planned, kind, what=what, reference=reference)), None)


def notice_faults(
    planned: Iterable[Planned], *, endpoint: str, event_code: str, reference: str
) -> list[NoticeFault]:
    """Return every fault that strikes this webhook."""
    aimed = [
        plan
        for plan in planned
        if isinstance(plan.fault, NoticeFault)
        and plan.fault.endpoint in (None, endpoint)
        and plan.fault.event_code in (None, event_code)
    ]
    return _striking(aimed, NoticeFault, what=f"{endpoint} {event_code}", reference=reference)


def call_faults(
    planned: Iterable[Planned], *, call: CallName, reference: str | None
) -> list[CallFault]:
    """Return every fault that strikes this call."""
    aimed = [
        plan
        for plan in planned
        if isinstance(plan.fault, CallFault) and plan.fault.call in (None, call)
    ]
    return _striking(aimed, CallFault, what=call, reference=reference)


def _striking(
    planned: Iterable[Planned], kind: type[AnyKind], *, what: str, reference: str | None
) -> list[AnyKind]:
    return [
        plan.fault
        for plan in planned
        if isinstance(plan.fault, kind)
        if plan.fault.reference in (None, reference)
        if _strikes(plan, f"{what} {reference}")
    ]


def _strikes(plan: Planned, met: str) -> bool:
    fault = plan.fault
    plan.met += 1
    if plan.met <= fault.skip or (fault.times is not None and plan.struck >= fault.times):
        return False
    draw = plan.draws[met] = plan.draws.get(met, 0) + 1
    # Not for secrets: the same seed must give the same faults.
    chance = random.Random(f"{fault.seed} {fault.__struct_config__.tag} {met} {draw}")  # noqa: S311
    if chance.random() >= fault.probability:
        return False
    plan.struck += 1
    return True
