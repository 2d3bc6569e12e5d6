"""Checks the machine's clock. Attempts are closed and tokens charged only while it is right.

The machine's clock is compared with the database's clock and with Adyen's, from the `Date` header
of Adyen's answers. While one of them differs too much, nothing is closed or charged, because a
clock that jumps ahead would close attempts that can still be paid. A test clock may jump, because
it is not compared.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import structlog

from kasir.clock import Clock
from kasir.gateway.wire import Wire

#: The shortest wait between two requests for Adyen's time, while the machine's clock is in doubt.
_ASK_EVERY_S: Final = 5.0

#: How long a comparison stays valid, unless the machine's clock jumps.
_GOOD_S: Final = 1.0

_log = structlog.get_logger("kasir.times")


@dataclass(kw_only=True)
class ClockCheck:
    """Compares the machine's clock with the database's and Adyen's.

    Attributes:
        machine: The machine's clock; never a test clock.
        database_now: Returns the database's time.
        adyen: Returns Adyen's time.
        apart_max: The most that the clocks may differ.
        steady: Returns monotonic seconds, which do not jump with the machine's clock.
    """

    machine: Clock
    database_now: Callable[[], Awaitable[datetime]]
    adyen: Wire
    apart_max: timedelta
    steady: Callable[[], float] = time.monotonic
    _start: float | None = field(default=None, init=False)
    _asked_at: float | None = field(default=None, init=False)
    _is_well: bool = field(default=True, init=False)
    _agreed_at: float | None = field(default=None, init=False)

    async def still_agree(self) -> bool:
        """Like `agree`, but uses the last comparison for a second, unless the clock jumped."""
        at = self._agreed_at
        is_good = at is not None and self.steady() < at + _GOOD_S and not self._has_jumped()
        return is_good or await self.agree()

    async def agree(self) -> bool:
        """Whether the clocks agree, so that attempts may be closed and tokens charged.

        Logs each change of the result.
        """
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
        """Why the machine's clock may be wrong; empty where there is no reason."""
        apart, has_jumped = await self.apart(), self._has_jumped()
        if not has_jumped and not self._wrong(self._ahead_of_adyen()):
            return self._wrong(apart)
        # A database on this machine has jumped together with it, and Adyen's latest answer may be
        # older than the jump. So Adyen is asked for its time.
        adyens = await self._apart_of_adyen()
        doubt = self._wrong({**apart, **adyens})
        if has_jumped and not adyens and not doubt:
            return ["it jumped, and Adyen does not answer"]
        return doubt

    async def apart(self) -> Mapping[str, timedelta]:
        """How much the machine's clock is ahead of each other clock; negative if it is behind."""
        before = self.machine.now()
        there = await self.database_now()
        # The database's time was read between the two readings of the machine's clock.
        ahead = max(before - there, timedelta()) or min(self.machine.now() - there, timedelta())
        return {"the database": ahead, **self._ahead_of_adyen()}

    def _ahead_of_adyen(self) -> Mapping[str, timedelta]:
        there = self.adyen.adyen_time()
        return {} if there is None else {"Adyen": self.machine.now() - there}

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

    def _has_jumped(self) -> bool:
        """Whether the clock moved by another amount than the time since it was last right."""
        if self._start is None:
            return False
        return abs(self._since_start() - self._start) > self.apart_max.total_seconds()

    def _since_start(self) -> float:
        """The machine's time (in seconds since 1970) at which the monotonic seconds were 0."""
        return self.machine.now().timestamp() - self.steady()
