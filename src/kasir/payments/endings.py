"""How captures and cancels ended, for the shop's events.

refunds.py has the results of refunds, and a successful cancel changes the payment's status. This
module has the results that change neither a refund nor the status.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from kasir.payments.changes import Change
from kasir.payments.facts import Fact, Says, unanswered_key

#: A change's name, and how the change ended.
Ended = tuple[str, "Ending"]


class Ending(StrEnum):
    """How a change ended."""

    #: The money was captured.
    CAPTURE_SUCCEEDED = "capture_succeeded"
    #: The money was not captured, or the capture failed afterwards.
    CAPTURE_FAILED = "capture_failed"
    #: The payment could not be cancelled and remains as it is.
    CANCEL_FAILED = "cancel_failed"
    #: The provider rejected a request for a refund that had no answer at first.
    REFUND_NEVER_TAKEN = "refund_never_taken"


def endings(changes: Iterable[Change], facts: Iterable[Fact]) -> tuple[Ended, ...]:
    """Each change that ended in one of these ways, by name.

    Args:
        changes: The changes of one payment.
        facts: All facts of the payment.
    """
    keys = {fact.key for fact in facts}
    found = ((each.name, _ending(each, unanswered_key(each.name) in keys)) for each in changes)
    return tuple((name, ending) for name, ending in found if ending)


def _ending(change: Change, was_unanswered: bool) -> Ending | None:
    """How a change ended; None if it is open, or if the shop learns the result in another way.

    A request that the provider rejected counts only if it had no answer at first. Otherwise the
    shop got the rejection as the answer to its call.
    """
    meanings = change.meanings
    if Says.CAPTURE_FAILED in meanings:
        return Ending.CAPTURE_FAILED
    if Says.CAPTURED in meanings:
        return Ending.CAPTURE_SUCCEEDED
    if Says.CAPTURE_REJECTED in meanings:
        return Ending.CAPTURE_FAILED
    if Says.CANCEL_REJECTED in meanings and Says.VOIDED not in meanings:
        # The provider accepted a request for this cancel. If the shop did not make it, Kasir did.
        is_of_kasir = Says.CHANGE_RECEIVED in meanings and Says.CANCEL_ASKED not in meanings
        return None if is_of_kasir else Ending.CANCEL_FAILED
    return _never_taken(change) if was_unanswered else None


def _never_taken(change: Change) -> Ending | None:
    """How a change ended whose request the provider rejected; None if it was not rejected."""
    meanings = change.meanings
    if Says.REFUND_DECLINED in meanings:
        return Ending.REFUND_NEVER_TAKEN
    if Says.CHANGE_DECLINED not in meanings:
        return None
    if Says.CAPTURE_ASKED in meanings:
        return Ending.CAPTURE_FAILED
    return Ending.CANCEL_FAILED if Says.CANCEL_ASKED in meanings else None
