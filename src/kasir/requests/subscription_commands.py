"""What a shop wishes of a subscription, from the body of its request: checked, then to be done.

A wish is judged again under the subscription's lock, by how it stands then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from kasir.adyen import checks
from kasir.errors import Fault
from kasir.requests.payments import refuse
from kasir.requests.subscription_fields import own_fields, unknown
from kasir.subscriptions import commands
from kasir.subscriptions.commands import When
from kasir.subscriptions.states import IllegalMove, Move, State
from kasir.subscriptions.subscription import Subscription
from kasir.subscriptions.turn import Turn

#: What is done to a subscription as it stands, at this time.
Wish = Callable[[Subscription, datetime], Turn]

_RESUME_WITHIN: Final = timedelta(days=731)
_NO_TIME: Final = timedelta()
#: What to do instead of a move that cannot be made.
_INSTEAD: Final = {
    (State.PAUSED, Move.PAUSE): (
        'To change when a pause ends, say {"at": …} to resume, with a date and time.'
    ),
}


def cancel(body: bytes) -> Wish:
    """A wish to cancel.

    Raises:
        InvalidRequest: A field is wrong.
    """
    fields = own_fields(body or b"{}")
    refuse(_wish_faults(fields))
    return lambda it, now: commands.cancel(it, now, _when(fields))


def pause(body: bytes, now: datetime) -> Wish:
    """A wish to pause, perhaps with when to resume.

    Raises:
        InvalidRequest: A field is wrong.
    """
    fields = own_fields(body or b"{}")
    refuse(_pause_faults(fields, now))
    at, resumes_at = _when(fields), fields.get("resumesAt")
    moment = datetime.fromisoformat(resumes_at) if resumes_at else None
    return lambda it, now: _not_early(commands.pause(it, now, at, moment), "resumesAt")


def resume(body: bytes, now: datetime) -> Wish:
    """A wish to resume, now or at a moment.

    Raises:
        InvalidRequest: A field is wrong.
    """
    fields = own_fields(body or b"{}")
    refuse(_resume_faults(fields, now))
    at = fields.get("at", When.NOW)
    if at == When.NOW:
        return commands.resume
    moment = None if at == When.NEVER else datetime.fromisoformat(at)
    return lambda it, now: _not_early(commands.resume_later(it, now, moment), "at")


def not_from_here(error: IllegalMove) -> Fault:
    """What is wrong where a subscription's state does not let a wish come true."""
    instead = _INSTEAD.get((error.state, error.move), "")
    if error.move is Move.RESUME:
        instead = 'To withdraw what is planned, say {"at": "never"} to the path of that wish.'
    return Fault("status", f"{error}. {instead}".rstrip())


def _when(fields: Mapping[str, Any]) -> When:
    return When(fields.get("at", When.NOW))


def _not_early(turn: Turn, field: str) -> Turn:
    """Refuse a resume that would come before the pause that it is to end.

    Raises:
        InvalidRequest: It would.
    """
    it = turn.subscription
    if it.pause_at and it.resumes_at and it.resumes_at <= it.pause_at:
        refuse([Fault(field, f"must be after the pause begins, {it.pause_at.isoformat()}.")])
    return turn


def _wish_faults(fields: Mapping[str, Any], more: frozenset[str] = frozenset()) -> Iterator[Fault]:
    """What is wrong with a wish that says when, and perhaps more."""
    yield from unknown(fields, frozenset({"at"}) | more)
    if fields.get("at", When.NOW) not in tuple(When):
        yield Fault("at", f"must be one of {', '.join(When)}.")


def _pause_faults(fields: Mapping[str, Any], now: datetime) -> Iterator[Fault]:
    """What is wrong with a wish to pause."""
    yield from _wish_faults(fields, frozenset({"resumesAt"}))
    if "resumesAt" not in fields:
        return
    if fields.get("at") == When.NEVER:
        yield Fault("resumesAt", "must be absent where the pause is not to be.")
    yield from _moment_faults(fields["resumesAt"], "resumesAt", now)


def _resume_faults(fields: Mapping[str, Any], now: datetime) -> Iterator[Fault]:
    """What is wrong with a wish to resume."""
    yield from unknown(fields, frozenset({"at"}))
    at = fields.get("at", When.NOW)
    if at not in (When.NOW, When.NEVER):
        yield from _moment_faults(at, "at", now, "now, never, or ")


def _moment_faults(value: object, name: str, now: datetime, instead: str = "") -> Iterator[Fault]:
    """What is wrong with the moment at which a pause is to end."""
    if cure := checks.Moment().cure(value):
        yield Fault(name, cure.replace("must be ", f"must be {instead}", 1))
        return
    assert isinstance(value, str)  # noqa: S101  # A moment is.
    if not _NO_TIME < datetime.fromisoformat(value) - now <= _RESUME_WITHIN:
        yield Fault(name, f"must lie ahead, and within {_RESUME_WITHIN.days} days.")
