"""The settings, knobs, clock and state of one world in one object.

All packages of the twin share this object. The engine delivers webhooks and runs tasks. The
engine sets `on_change`, so that it is notified of new work.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any

from adyen_twin.core.clock import Clock
from adyen_twin.core.report_settings import ReportSettings
from adyen_twin.core.seed import Seed
from adyen_twin.core.settings import Knobs, Settings
from adyen_twin.core.state import EndpointName, Memory, State, Task


class Twin:
    """The state of one simulated Adyen and one simulated GoPay."""

    def __init__(
        self,
        settings: Settings | None = None,
        knobs: Knobs | None = None,
        *,
        state: State | None = None,
    ) -> None:
        self.settings = self.initial_settings = settings or Settings()
        #: Never changed in place: setting a knob replaces the whole object.
        self.knobs = self.initial_knobs = knobs or Knobs()
        self.report_settings = ReportSettings()
        #: The base URL in the addresses of reports; a control sets it.
        self.reports_url = (self.settings.public_url or "http://127.0.0.1:8700").rstrip("/")
        #: With what the worlds begin that are made later; None: with nothing.
        self.seed: Seed | None = None
        self.memory = Memory(state)
        self.clock = Clock(self.memory.state.advanced_s)
        #: Called when there may be a new webhook to deliver or a new task to run.
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
        """Schedule a task; `reference` is the merchantReference of its payment, if it has one."""
        number = self.memory.next_number()
        task = Task(
            due_at=due_at, number=number, kind=kind, reference=reference, arguments=arguments
        )
        heapq.heappush(self.state.tasks, task)
        self.on_change()

    def remove_endpoint(self, name: EndpointName) -> None:
        """Delete an endpoint and the webhooks in its queue."""
        self.state.endpoints.pop(name, None)
        self.state.queues.pop(name, None)

    def reset(self) -> None:
        """Delete all state except the webhook endpoints and the time; the knobs do not change."""
        kept = State(
            advanced_s=self.clock.advanced_s,
            # Numbers continue, so that no two webhooks have the same number.
            counter=self.state.counter,
            endpoints=self.state.endpoints,
        )
        self.memory = Memory(kept)
        self.on_change()


def _ignore() -> None:
    """Do nothing; the engine replaces this function."""
