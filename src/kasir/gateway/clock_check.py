"""Checks the machine's clock. Attempts are closed and tokens charged only while it is correct.

The machine's clock is compared with the database's clock and with Adyen's clock (the header `Date`
of Adyen's answers). While the machine's clock differs too much from one of these clocks, no attempt
is closed and no token is charged. Otherwise a clock that jumps ahead would close attempts that can
still be paid. A test clock is not compared, so a test clock may jump.
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

#: The shortest wait between two requests for Adyen's time, while the machine's clock may be wrong.
_ASK_EVERY_S: Final = 5.0

#: How long a comparison stays valid, in seconds, unless the machine's clock jumps.
_VALID_S: Final = 1.0

_log = structlog.get_logger("kasir.times")


@dataclass(kw_only=True)
class ClockCheck:
    """Compares the machine's clock with the database's clock and Adyen's clock.

    Attributes:
        machine: The machine's clock; never a test clock.
        database_now: Returns the database's time.
        adyen: The connection to Adyen, which knows Adyen's time.
        apart_max: The most that the clocks may differ.
        steady: Returns monotonic seconds, which do not jump with the machine's clock.
    """

    machine: Clock
    database_now: Callable[[], Awaitable[datetime]]
    adyen: Wire
    apart_max: timedelta
    steady: Callable[[], float] = time.monotonic
    #: `_since_start` when the clocks last agreed; None before that.
    _start: float | None = field(default=None, init=False)
    #: The monotonic second of the last request for Adyen's time.
    _asked_at: float | None = field(default=None, init=False)
    #: The result of the last comparison.
    _is_well: bool = field(default=True, init=False)
    #: The monotonic second of the last comparison, if the clocks agreed then; else None.
    _agreed_at: float | None = field(default=None, init=False)

    async def still_agree(self) -> bool:
        """Whether the clocks agree; uses a result of the last second unless the clock jumped."""
        at = self._agreed_at
        is_valid = at is not None and self.steady() < at + _VALID_S and not self._has_jumped()
        return is_valid or await self.agree()

    async def agree(self) -> bool:
        """Whether the clocks agree, so that attempts may be closed and tokens charged.

        Logs each change of the result.
        """
        reasons = await self._reasons_for_doubt()
        if not reasons:
            self._start = self._since_start()
        self._agreed_at = None if reasons else self.steady()
        if reasons and self._is_well:
            why = "; ".join(reasons)
            _log.warning("the clocks disagree: nothing is closed or charged", why=why)
        elif not reasons and not self._is_well:
            _log.warning("the clocks agree again")
        self._is_well = not reasons
        return not reasons

    async def _reasons_for_doubt(self) -> list[str]:
        """Why the machine's clock may be wrong; empty if there is no reason."""
        apart, has_jumped = await self.apart(), self._has_jumped()
        if not has_jumped and not self._wrong(self._ahead_of_adyen()):
            return self._wrong(apart)
        # If the database runs on this machine, the database's clock has jumped too, and Adyen's
        # latest answer may be older than the jump. So Adyen's time is requested now.
        from_adyen = await self._apart_of_adyen()
        reasons = self._wrong({**apart, **from_adyen})
        if has_jumped and not from_adyen and not reasons:
            return ["it jumped, and Adyen does not answer"]
        return reasons

    async def apart(self) -> Mapping[str, timedelta]:
        """How far the machine's clock is ahead of each other clock; negative if it is behind."""
        before = self.machine.now()
        database_now = await self.database_now()
        # The machine's clock is read before and after the database's. If the database's time is
        # between these two times, the clocks agree.
        ahead = max(before - database_now, timedelta()) or min(
            self.machine.now() - database_now, timedelta()
        )
        return {"the database": ahead, **self._ahead_of_adyen()}

    def _ahead_of_adyen(self) -> Mapping[str, timedelta]:
        """How far the machine's clock is ahead of Adyen's clock; empty if Adyen's is not known."""
        adyen_now = self.adyen.adyen_time()
        return {} if adyen_now is None else {"Adyen": self.machine.now() - adyen_now}

    async def _apart_of_adyen(self) -> Mapping[str, timedelta]:
        """Like `_ahead_of_adyen`, but first requests Adyen's time, at most every `_ASK_EVERY_S`."""
        now = self.steady()
        if self._asked_at is None or now >= self._asked_at + _ASK_EVERY_S:
            self._asked_at = now
            await self.adyen.ask_time()
        return self._ahead_of_adyen()

    def _wrong(self, apart: Mapping[str, timedelta]) -> list[str]:
        """A text for each clock from which the machine's clock differs too much."""
        return [
            f"{ahead.total_seconds():+.0f} s against {whose}"
            for whose, ahead in apart.items()
            if abs(ahead) > self.apart_max
        ]

    def _has_jumped(self) -> bool:
        """Whether the machine's clock has jumped since the clocks last agreed."""
        if self._start is None:
            return False
        return abs(self._since_start() - self._start) > self.apart_max.total_seconds()

    def _since_start(self) -> float:
        """The machine's time (in seconds since 1970) at which the monotonic seconds were 0."""
        return self.machine.now().timestamp() - self.steady()
