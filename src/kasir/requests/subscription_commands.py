"""Checks the body of a shop's request about a subscription, and makes a command from it.

Later the command is checked against the subscription's state, under the subscription's lock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final

from kasir.adyen import checks
from kasir.errors import Fault
from kasir.requests.fields import Fields, refuse
from kasir.requests.subscription_fields import own_fields, unknown
from kasir.subscriptions import commands
from kasir.subscriptions.commands import When
from kasir.subscriptions.states import IllegalMove, Move, State
from kasir.subscriptions.subscription import Subscription
from kasir.subscriptions.turn import Turn

#: A function that changes a subscription at the given time.
Command = Callable[[Subscription, datetime], Turn]

#: How far in the future the end of a pause may be.
_RESUME_WITHIN: Final = timedelta(days=731)
_NO_TIME: Final = timedelta()
#: For a move that the state does not allow: what the shop can do instead.
_INSTEAD: Final = {
    (State.PAUSED, Move.PAUSE): (
        'To change when a pause ends, send {"at": …} to resume, with a date and time.'
    ),
}


def cancel(body: bytes) -> Command:
    """The command to cancel.

    Raises:
        InvalidRequest: A field is wrong.
    """
    fields = own_fields(body or b"{}")
    refuse(_when_faults(fields))
    return lambda subscription, now: commands.cancel(subscription, now, _when(fields))


def pause(body: bytes, now: datetime) -> Command:
    """The command to pause, with an optional time to resume.

    Raises:
        InvalidRequest: A field is wrong.
    """
    fields = own_fields(body or b"{}")
    refuse(_pause_faults(fields, now))
    at, resumes_at = _when(fields), fields.get("resumesAt")
    moment = datetime.fromisoformat(resumes_at) if resumes_at else None
    return lambda subscription, now: _not_early(
        commands.pause(subscription, now, at, moment), "resumesAt"
    )


def resume(body: bytes, now: datetime) -> Command:
    """The command to resume, now or later.

    Raises:
        InvalidRequest: A field is wrong.
    """
    fields = own_fields(body or b"{}")
    refuse(_resume_faults(fields, now))
    at = fields.get("at", When.NOW)
    if at == When.NOW:
        return commands.resume
    moment = None if at == When.NEVER else datetime.fromisoformat(at)
    return lambda subscription, now: _not_early(
        commands.resume_later(subscription, now, moment), "at"
    )


def not_from_here(error: IllegalMove) -> Fault:
    """The fault of a command that the subscription's state does not allow."""
    instead = _INSTEAD.get((error.state, error.move), "")
    if error.move is Move.RESUME:
        instead = 'To withdraw what is planned, send {"at": "never"} to the path that planned it.'
    return Fault("status", f"{error}. {instead}".rstrip())


def _when(fields: Fields) -> When:
    return When(fields.get("at", When.NOW))


def _not_early(turn: Turn, field: str) -> Turn:
    """Refuse a resume at or before the beginning of its pause.

    Raises:
        InvalidRequest: The resume is not after the beginning of the pause.
    """
    pause_at, resumes_at = turn.subscription.pause_at, turn.subscription.resumes_at
    if pause_at and resumes_at and resumes_at <= pause_at:
        refuse([Fault(field, f"must be after the pause begins, {pause_at.isoformat()}.")])
    return turn


def _when_faults(fields: Fields, more: frozenset[str] = frozenset()) -> Iterator[Fault]:
    """What is wrong with `at`, and a fault for each field that is neither `at` nor in `more`."""
    yield from unknown(fields, frozenset({"at"}) | more)
    if fields.get("at", When.NOW) not in tuple(When):
        yield Fault("at", f"must be one of {', '.join(When)}.")


def _pause_faults(fields: Fields, now: datetime) -> Iterator[Fault]:
    """What is wrong with the fields of a pause."""
    yield from _when_faults(fields, frozenset({"resumesAt"}))
    if "resumesAt" not in fields:
        return
    if fields.get("at") == When.NEVER:
        yield Fault("resumesAt", "must be absent where the pause is not to be.")
    yield from _moment_faults(fields["resumesAt"], "resumesAt", now)


def _resume_faults(fields: Fields, now: datetime) -> Iterator[Fault]:
    """What is wrong with the fields of a resume."""
    yield from unknown(fields, frozenset({"at"}))
    at = fields.get("at", When.NOW)
    if at not in (When.NOW, When.NEVER):
        yield from _moment_faults(at, "at", now, "now, never, or ")


def _moment_faults(value: object, name: str, now: datetime, instead: str = "") -> Iterator[Fault]:
    """What is wrong with the time at which a pause ends.

    `name` is its field. `instead` names the other values of that field, for the message.
    """
    moment = checks.moment_of(value)
    if moment is None:
        yield Fault(name, checks.MOMENT_CURE.replace("must be ", f"must be {instead}", 1))
    elif not _NO_TIME < moment - now <= _RESUME_WITHIN:
        yield Fault(name, f"must be in the future, and within {_RESUME_WITHIN.days} days.")
