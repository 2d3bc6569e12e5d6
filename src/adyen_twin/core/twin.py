"""The twin itself: what it was told, what time it is, and what it remembers.

Every part of the house works on one Twin. It knows no HTTP and opens no socket;
whoever delivers webhooks and runs errands waits for its bell.
"""

import heapq
from collections.abc import Callable
from typing import Any

from adyen_twin.core.clock import Clock
from adyen_twin.core.settings import Knobs, Settings
from adyen_twin.core.state import Errand, Memory, State


class Twin:
    """One Adyen and one GoPay, with everything they know."""

    def __init__(
        self,
        settings: Settings | None = None,
        knobs: Knobs | None = None,
        *,
        state: State | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.settings = settings or Settings()
        #: Replaced, never changed, when a knob is turned.
        self.knobs = self.first_knobs = knobs or Knobs()
        self.memory = Memory(state)
        self.clock = clock or Clock(self.memory.state.advanced_s)
        #: Rung whenever there may be something new to deliver or to do.
        self.bell: Callable[[], None] = _nobody_listens

    @property
    def state(self) -> State:
        """What the twin remembers."""
        return self.memory.state

    def now(self) -> float:
        """Return this moment by the twin's clock."""
        return self.clock.now()

    def later(
        self, kind: str, due_at: float, *, reference: str | None = None, **subject: Any
    ) -> None:
        """Put something on the agenda, perhaps about payments with this reference."""
        number = self.memory.next_number()
        heapq.heappush(self.state.errands, Errand(due_at, number, kind, reference, subject))
        self.bell()

    def forget(self) -> None:
        """Forget everything but settings: knobs, webhook endpoints, and what time it is."""
        kept = State(
            advanced_s=self.clock.advanced_s,
            # Numbers go on, so that a notice of before is not taken for one of after.
            counter=self.state.counter,
            endpoints=self.state.endpoints,
        )
        self.memory = Memory(kept)
        self.bell()


def _nobody_listens() -> None:
    """Stand in until somebody delivers."""
