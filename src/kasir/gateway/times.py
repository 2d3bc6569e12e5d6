"""Whether it is the time that the machine says it is: closings and charges hang on that.

The machine's clock is held against the database's and against Adyen's, as the `Date` of its answers
tells it. Where one of them is far from ours, nothing is closed and nothing charged until they agree
again: a clock that leaps ahead would end what has not ended. A test clock may leap as it likes; it
is the world's time that is compared here.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog

from kasir.clock import Clock

#: So often, at most, Adyen is asked what time it is while our own clock is in doubt.
_ASK_EVERY_S: Final = 5.0

#: So long it need not be looked at anew whether the clocks agree, unless our own leaps.
_GOOD_S: Final = 1.0

_log = structlog.get_logger("kasir.times")


class Far(Protocol):
    """Whoever tells the time from afar."""

    def time_there(self) -> datetime | None:
        """What time it is there by its latest answer; None where that was long ago."""
        ...

    async def ask_time(self) -> None:
        """Ask what time it is. Raises nothing for trouble."""
        ...


@dataclass(kw_only=True)
class Times:
    """Holds the clocks against each other.

    Attributes:
        world: The machine's clock; never a test clock.
        database_now: What time it is at the database.
        adyen: What time it is at Adyen.
        apart_max: How far they may be apart.
        steady: Seconds that go on whatever the clock does.
    """

    world: Clock
    database_now: Callable[[], Awaitable[datetime]]
    adyen: Far
    apart_max: timedelta
    steady: Callable[[], float] = time.monotonic
    _start: float | None = field(default=None, init=False)
    _asked_at: float | None = field(default=None, init=False)
    _is_well: bool = field(default=True, init=False)
    _agreed_at: float | None = field(default=None, init=False)

    async def still_agree(self) -> bool:
        """As `agree`; what was found a moment ago is not asked for anew, unless our clock leapt."""
        at = self._agreed_at
        is_good = at is not None and self.steady() < at + _GOOD_S and not self._has_leapt()
        return is_good or await self.agree()

    async def agree(self) -> bool:
        """Whether what hangs on the time may be done now; logs whenever that changes."""
        doubt = await self._doubt()
        if not doubt:
            self._start = self._since_start()
        self._agreed_at = None if doubt else self.steady()
        if doubt and self._is_well:
            _log.warning("the clocks disagree: nothing is closed or charged", why="; ".join(doubt))
        elif not doubt and not self._is_well:
            _log.warning("the clocks agree again")
        self._is_well = not doubt
        return not doubt

    async def _doubt(self) -> list[str]:
        """What speaks against our clock."""
        apart, has_leapt = await self.apart(), self._has_leapt()
        if not has_leapt and not self._wrong(self._ahead_of_adyen()):
            return self._wrong(apart)
        # The database may be on this very machine, and have leapt with it. And what Adyen said may
        # be from before the machine slept.
        adyens = await self._apart_of_adyen()
        doubt = self._wrong({**apart, **adyens})
        if has_leapt and not adyens and not doubt:
            return ["leapt, and Adyen does not answer"]
        return doubt

    async def apart(self) -> Mapping[str, timedelta]:
        """How far our clock is ahead of each that is known; behind, where it is negative."""
        before = self.world.now()
        there = await self.database_now()
        # The answer is of some moment between the two.
        ahead = max(before - there, timedelta()) or min(self.world.now() - there, timedelta())
        return {"the database": ahead, **self._ahead_of_adyen()}

    def _ahead_of_adyen(self) -> Mapping[str, timedelta]:
        there = self.adyen.time_there()
        return {} if there is None else {"Adyen": self.world.now() - there}

    async def _apart_of_adyen(self) -> Mapping[str, timedelta]:
        now = self.steady()
        if self._asked_at is None or now >= self._asked_at + _ASK_EVERY_S:
            self._asked_at = now
            await self.adyen.ask_time()
        return self._ahead_of_adyen()

    def _wrong(self, apart: Mapping[str, timedelta]) -> list[str]:
        return [
            f"{ahead.total_seconds():+.0f} s against {whose}"
            for whose, ahead in apart.items()
            if abs(ahead) > self.apart_max
        ]

    def _has_leapt(self) -> bool:
        """Whether our clock went otherwise than time did since it was last known to be right."""
        if self._start is None:
            return False
        return abs(self._since_start() - self._start) > self.apart_max.total_seconds()

    def _since_start(self) -> float:
        """By our clock, when the steady seconds began."""
        return self.world.now().timestamp() - self.steady()
