"""The twin itself: its settings, its clock and its state in one object.

Every part of the twin works on one `Twin`. It knows no HTTP and opens no socket. The
engine, which delivers webhooks and runs tasks, sets `on_change` to learn of new work.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any

from adyen_twin.core.clock import Clock
from adyen_twin.core.settings import Knobs, Settings
from adyen_twin.core.state import EndpointName, Memory, State, Task


class Twin:
    """One Adyen and one GoPay, with their state."""

    def __init__(
        self,
        settings: Settings | None = None,
        knobs: Knobs | None = None,
        *,
        state: State | None = None,
    ) -> None:
        self.settings = settings or Settings()
        #: Replaced as a whole when a knob is set, never changed in place.
        self.knobs = self.initial_knobs = knobs or Knobs()
        self.memory = Memory(state)
        self.clock = Clock(self.memory.state.advanced_s)
        #: Called whenever there may be a new webhook to deliver or a new task to run.
        self.on_change: Callable[[], None] = _ignore

    @property
    def state(self) -> State:
        """The state."""
        return self.memory.state

    def now(self) -> float:
        """Return the current time by the twin's clock."""
        return self.clock.now()

    def schedule(
        self, kind: str, due_at: float, *, reference: str | None = None, **arguments: Any
    ) -> None:
        """Schedule a task; `reference` is the merchantReference it is about, if there is one."""
        number = self.memory.next_number()
        heapq.heappush(self.state.tasks, Task(due_at, number, kind, reference, arguments))
        self.on_change()

    def remove_endpoint(self, name: EndpointName) -> None:
        """Stop sending webhooks of one kind, and drop those that are queued."""
        self.state.endpoints.pop(name, None)
        self.state.queues.pop(name, None)

    def reset(self) -> None:
        """Drop all state but the webhook endpoints and the time; knobs stay too."""
        kept = State(
            advanced_s=self.clock.advanced_s,
            # Numbers continue, so that no two webhooks ever have the same one.
            counter=self.state.counter,
            endpoints=self.state.endpoints,
        )
        self.memory = Memory(kept)
        self.on_change()


def _ignore() -> None:
    """Do nothing, until something delivers webhooks."""
