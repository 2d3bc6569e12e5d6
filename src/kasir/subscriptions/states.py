"""The states of a subscription, and every move from one state to another.

A move that is missing from the table MOVES is illegal. `diagram` generates the diagram in
docs/subscriptions.md from the table, and a test fails if the two differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from kasir.errors import KasirError


class State(StrEnum):
    """The states of a subscription."""

    #: The shopper signed up, but the first payment or the token is missing.
    INCOMPLETE = "incomplete"
    #: The trial runs: no regular period is charged yet.
    TRIALING = "trialing"
    #: The subscription is paid, and is charged again for the next period.
    ACTIVE = "active"
    #: A renewal was refused and is not paid yet.
    PAST_DUE = "past_due"
    #: The subscription is paused: nothing is charged.
    PAUSED = "paused"
    #: The subscription is over before its last period.
    CANCELLED = "cancelled"
    #: The subscription is over after its last period.
    ENDED = "ended"


class Move(StrEnum):
    """What changes a subscription's state."""

    #: The first payment is paid and the token exists.
    COMPLETE = "complete"
    #: As `complete`, with a trial first.
    BEGIN_TRIAL = "begin_trial"
    #: The sign-up was not paid in time.
    LAPSE = "lapse"
    #: The trial is over and the first period begins.
    END_TRIAL = "end_trial"
    #: A renewal was refused.
    FALL_BEHIND = "fall_behind"
    #: The refused renewal was paid after all.
    RECOVER = "recover"
    #: The renewal is unpaid after its last retry, and the plan says `cancel`.
    GIVE_UP = "give_up"
    #: The shop pauses the subscription, or the plan says so after a dispute or refund.
    PAUSE = "pause"
    #: The shop resumes the subscription, or a pause ends as planned.
    RESUME = "resume"
    #: As `resume`, with the rest of the trial first.
    RESUME_TRIAL = "resume_trial"
    #: The shop cancels the subscription, or the plan says so after a dispute or refund.
    CANCEL = "cancel"
    #: The last period is over.
    END = "end"


MOVES: Final[Mapping[tuple[State, Move], State]] = {
    (State.INCOMPLETE, Move.COMPLETE): State.ACTIVE,
    (State.INCOMPLETE, Move.BEGIN_TRIAL): State.TRIALING,
    (State.INCOMPLETE, Move.LAPSE): State.CANCELLED,
    (State.INCOMPLETE, Move.CANCEL): State.CANCELLED,
    (State.TRIALING, Move.END_TRIAL): State.ACTIVE,
    (State.TRIALING, Move.PAUSE): State.PAUSED,
    (State.TRIALING, Move.CANCEL): State.CANCELLED,
    (State.ACTIVE, Move.FALL_BEHIND): State.PAST_DUE,
    (State.ACTIVE, Move.PAUSE): State.PAUSED,
    (State.ACTIVE, Move.CANCEL): State.CANCELLED,
    (State.ACTIVE, Move.END): State.ENDED,
    (State.PAST_DUE, Move.RECOVER): State.ACTIVE,
    (State.PAST_DUE, Move.GIVE_UP): State.CANCELLED,
    (State.PAST_DUE, Move.PAUSE): State.PAUSED,
    (State.PAST_DUE, Move.CANCEL): State.CANCELLED,
    (State.PAST_DUE, Move.END): State.ENDED,
    (State.PAUSED, Move.RESUME): State.ACTIVE,
    (State.PAUSED, Move.RESUME_TRIAL): State.TRIALING,
    (State.PAUSED, Move.CANCEL): State.CANCELLED,
}

#: States that no move leaves.
OVER: Final = frozenset({State.CANCELLED, State.ENDED})
#: States in which a renewal may be charged.
ALIVE: Final = frozenset({State.TRIALING, State.ACTIVE, State.PAST_DUE})


class IllegalMove(KasirError):
    """A subscription cannot make this move from its state."""

    def __init__(self, state: State, move: Move) -> None:
        super().__init__(f"a subscription that is {state} cannot {move.replace('_', ' ')}")
        self.state, self.move = state, move


def moved(state: State, move: Move) -> State:
    """The state that a move leads to.

    Raises:
        IllegalMove: The table has no such move from this state.
    """
    try:
        return MOVES[state, move]
    except KeyError:
        raise IllegalMove(state, move) from None


def diagram() -> str:
    """The table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", f"    [*] --> {State.INCOMPLETE}"]
    lines += [f"    {start} --> {end}: {move}" for (start, move), end in MOVES.items()]
    lines += [f"    {state} --> [*]" for state in State if state in OVER]
    return "\n".join(lines)
