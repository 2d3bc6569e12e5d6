"""Faults: failures that the twin simulates on request. Each was observed in practice.

PUT /twin/faults plans faults. The target of a fault is a call, a webhook, a payment or a
modification. A fault matches its targets by the payment's merchantReference, and is limited by
count (`skip`, `times`) and by probability. The random draw depends on the seed and the target,
but not on the order of calls, so the same seed triggers the same faults. This module selects
the faults to trigger; the code that handles the target applies the faults.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Annotated, Literal, TypeVar

import msgspec

Count = Annotated[int, msgspec.Meta(ge=0)]
Positive = Annotated[int, msgspec.Meta(ge=1)]
Probability = Annotated[float, msgspec.Meta(ge=0, le=1)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]
CallName = Literal[
    "paymentMethods", "payments", "details", "captures", "refunds", "cancels", "reversals", "tokens"
]
#: Every event that the twin sends; a fault for another event would never trigger.
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
    "REPORT_AVAILABLE",
    "TECHNICAL_CANCEL",
    "recurring.token.alreadyExisting",
    "recurring.token.created",
    "recurring.token.disabled",
    "recurring.token.updated",
]


class Fault(
    msgspec.Struct, kw_only=True, forbid_unknown_fields=True, rename="camel", tag_field="fault"
):
    """The fields that every fault has."""

    #: Match only payments with this merchantReference.
    reference: str | None = None
    #: How many matches pass before the first trigger.
    skip: Count = 0
    #: Trigger at most this often; None: no limit.
    times: Positive | None = None
    probability: Probability = 1.0
    seed: int = 0


class WebhookFault(Fault):
    """A fault in the delivery of a webhook. Without `endpoint`, it matches both endpoints."""

    endpoint: Literal["standard", "tokens"] | None = None
    #: Match only this event: an eventCode, or a token webhook's type.
    event_code: EventName | None = None


class DuplicateWebhook(WebhookFault, tag="duplicate_notice"):
    """The same webhook is sent more than once."""

    #: How many more times the webhook is sent.
    copies: Positive = 1


class ReorderWebhook(WebhookFault, tag="reorder_notice"):
    """The webhook is sent after the next webhook of its endpoint, or after `seconds`."""

    seconds: Seconds = 60.0


class DelayWebhook(WebhookFault, kw_only=True, tag="delay_notice"):
    """The webhook is sent `seconds` later; the other webhooks do not wait."""

    seconds: Seconds


class LoseWebhook(WebhookFault, tag="lose_notice"):
    """The webhook is never sent."""


class WrongSignature(WebhookFault, tag="wrong_seal"):
    """The first tries of the webhook are signed with a wrong HMAC key."""

    tries: Positive = 1


class NoSignature(WebhookFault, tag="no_seal"):
    """The first tries of the webhook are not signed."""

    tries: Positive = 1


class PreviousKey(WebhookFault, tag="previous_key"):
    """The webhook is signed with the endpoint's previous HMAC key."""


class CallFault(Fault):
    """A fault in a call to an Adyen API. Without `call`, it matches every call."""

    call: CallName | None = None


class LoseReplyBefore(CallFault, tag="lose_reply_before"):
    """The connection breaks before the call is executed."""


class LoseReplyAfter(CallFault, tag="lose_reply_after"):
    """The call is executed, and then the connection breaks."""


class ErrorReply(CallFault):
    """The answer is an error; the subclasses name its status and errorCode.

    With `after`, the call is executed before the error is answered.
    """

    after: bool = False


class Error500(ErrorReply, tag="error_500"):
    """An internal error."""


class Error503(ErrorReply, tag="error_503"):
    """The error 503/703 with the header transient-error: true."""


class Conflict409(ErrorReply, tag="conflict_409"):
    """The error 409/704."""


class Conflict422(ErrorReply, tag="conflict_422"):
    """The error 422/704."""


class SlowReply(CallFault, kw_only=True, tag="slow_reply"):
    """The call is executed at once and answered `seconds` of real time later."""

    seconds: Seconds


class WebhookBeforeReply(CallFault, tag="notice_before_reply"):
    """The webhooks that the call causes are delivered before its answer."""


class DetailsResult(CallFault, kw_only=True, tag="details_say"):
    """/payments/details answers this resultCode instead of the wallet's decision."""

    result_code: Literal["Authorised", "Refused", "Cancelled", "Pending", "Received", "Error"]


class WalletRefuses(Fault, tag="wallet_refuses"):
    """The wallet refuses a payment that the shopper approves."""

    #: The reason and code of the refusal, as in Adyen's table of refusal reasons.
    reason: str = "Refused"
    code: str = "2"


class FalseThenTrue(Fault, tag="false_then_true"):
    """A failed AUTHORISATION of an earlier attempt is sent before the successful one."""

    #: How much later the successful AUTHORISATION is sent.
    seconds: Seconds = 0.0
    #: Whether the failed AUTHORISATION has the pspReference of the payment.
    same_psp_reference: bool = False


class TrueThenFalse(Fault, tag="true_then_false"):
    """A failed AUTHORISATION of an earlier attempt is sent after the successful one."""

    #: How much later the failed AUTHORISATION is sent.
    seconds: Seconds = 0.0
    #: Whether the failed AUTHORISATION has the pspReference of the payment.
    same_psp_reference: bool = False


class OfferClosedAfterPaid(Fault, tag="offer_closed_after_paid"):
    """OFFER_CLOSED is sent although the payment is paid."""

    #: How long after the decision OFFER_CLOSED is sent.
    seconds: Seconds = 0.0


class RefundRefused(Fault, tag="refund_refused"):
    """A refund fails, so REFUND has success false."""

    reason: str = "Refused"


class RefundFailsLater(Fault, tag="refund_fails_later"):
    """A successful REFUND is followed by REFUND_FAILED or REFUNDED_REVERSED."""

    #: How long after REFUND the failure is sent.
    seconds: Seconds = 3600.0
    event_code: Literal["REFUND_FAILED", "REFUNDED_REVERSED"] = "REFUND_FAILED"


class CaptureFailsLater(Fault, tag="capture_fails_later"):
    """The capture is followed by CAPTURE_FAILED."""

    #: How long after the capture the failure is sent.
    seconds: Seconds = 3600.0


AnyFault = (
    DuplicateWebhook
    | ReorderWebhook
    | DelayWebhook
    | LoseWebhook
    | WrongSignature
    | NoSignature
    | PreviousKey
    | LoseReplyBefore
    | LoseReplyAfter
    | Error500
    | Error503
    | Conflict409
    | Conflict422
    | SlowReply
    | WebhookBeforeReply
    | DetailsResult
    | WalletRefuses
    | FalseThenTrue
    | TrueThenFalse
    | OfferClosedAfterPaid
    | RefundRefused
    | RefundFailsLater
    | CaptureFailsLater
)


class PlannedFault(msgspec.Struct, rename={"match_count": "met", "trigger_count": "struck"}):
    """A fault, how often it matched a target, and how often it was triggered."""

    fault: AnyFault
    match_count: int = 0
    trigger_count: int = 0
    #: The target -> how many random draws were made for it.
    draws: dict[str, int] = {}


AnyKind = TypeVar("AnyKind", bound=Fault)


def triggered(
    planned: Iterable[PlannedFault], kind: type[AnyKind], *, target: str, reference: str | None
) -> AnyKind | None:
    """Return the first fault of a kind that this target triggers, and update the counts.

    `target` is the name of a call or an event, and is part of the random draw. If faults of
    this kind have other fields to match than `reference`, the caller filters `planned` first.
    """
    return next(iter(_all_triggered(planned, kind, target=target, reference=reference)), None)


def triggered_by_webhook(
    planned: Iterable[PlannedFault], *, endpoint: str, event_code: str, reference: str
) -> list[WebhookFault]:
    """Return every fault that this webhook triggers."""
    matching = [
        plan
        for plan in planned
        if isinstance(plan.fault, WebhookFault)
        and plan.fault.endpoint in (None, endpoint)
        and plan.fault.event_code in (None, event_code)
    ]
    target = f"{endpoint} {event_code}"
    return _all_triggered(matching, WebhookFault, target=target, reference=reference)


def triggered_by_call(
    planned: Iterable[PlannedFault], *, call: CallName, reference: str | None
) -> list[CallFault]:
    """Return every fault that this call triggers."""
    matching = [
        plan
        for plan in planned
        if isinstance(plan.fault, CallFault) and plan.fault.call in (None, call)
    ]
    return _all_triggered(matching, CallFault, target=call, reference=reference)


def _all_triggered(
    planned: Iterable[PlannedFault], kind: type[AnyKind], *, target: str, reference: str | None
) -> list[AnyKind]:
    return [
        plan.fault
        for plan in planned
        if isinstance(plan.fault, kind)
        if plan.fault.reference in (None, reference)
        if _is_triggered(plan, f"{target} {reference}")
    ]


def _is_triggered(plan: PlannedFault, target: str) -> bool:
    """Return whether a matching fault is triggered, and update its counts."""
    fault = plan.fault
    plan.match_count += 1
    is_used_up = fault.times is not None and plan.trigger_count >= fault.times
    if plan.match_count <= fault.skip or is_used_up:
        return False
    draw = plan.draws[target] = plan.draws.get(target, 0) + 1
    seed = f"{fault.seed} {fault.__struct_config__.tag} {target} {draw}"
    if random.Random(seed).random() >= fault.probability:  # noqa: S311  # Not for security.
        return False
    plan.trigger_count += 1
    return True
