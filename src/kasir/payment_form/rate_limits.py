"""Limits on requests to the form, which need no key: how often, and how many at a time.

Requests are counted by payment, by link and by client address, in each process separately, for a
limited time. Thousands of phones may share one address, so the limits by address are much higher
than those by link and by payment.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Self

from litestar.exceptions import TooManyRequestsException

from kasir.http_types import AnyRequest
from kasir.limits import Limits

#: How many keys a limit counts at a time.
_KEYS_MAX: Final = 10_000


@dataclass(slots=True)
class RateLimit:
    """How often something may be done within a time window, counted by key.

    Attributes:
        count_max: How often it may be done in one window.
        window: The length of a window, which begins with the first use.
    """

    count_max: int
    window: timedelta
    _counts: dict[str, tuple[datetime, int]] = field(default_factory=dict)

    def allow(self, key: str, now: datetime) -> bool:
        """Count one use, and return whether it is within the limit. An empty key has no limit."""
        if not key:
            return True
        since, count = self._counts.pop(key, (now, 0))
        if not since <= now < since + self.window:
            since, count = now, 0
        self._counts[key] = since, min(count + 1, self.count_max)
        if len(self._counts) > _KEYS_MAX:
            del self._counts[next(iter(self._counts))]  # The key unused for longest.
        return count < self.count_max

    def is_exhausted(self, key: str) -> bool:
        """Whether the limit is reached for a key."""
        return key in self._counts and self._counts[key][1] >= self.count_max

    def uncount(self, key: str) -> None:
        """Undo one `allow` for a key."""
        if key in self._counts:
            since, count = self._counts[key]
            self._counts[key] = since, max(count - 1, 0)


@dataclass(slots=True)
class ConcurrencyLimit:
    """How many times something may be done at the same time, counted by key."""

    _held: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def hold(self, slots_max: dict[str, int]) -> Iterator[bool]:
        """Hold one slot of each key for as long as the context lasts.

        Args:
            slots_max: How many slots each key has.

        Yields:
            Whether each key had a free slot; if not, no slot is held.
        """
        is_held = all(self._held[key] < slots for key, slots in slots_max.items())
        if is_held:
            self._held.update(slots_max.keys())
        try:
            yield is_held
        finally:
            if is_held:
                self._held.subtract(slots_max.keys())
                self._held += Counter()  # Drops keys whose count is 0.


@dataclass(slots=True, kw_only=True)
class VisitorLimits:
    """All limits on visitors of this process.

    Attributes:
        limits: The configured numbers.
        returns_by_payment: Returns from the wallet with a result that Adyen does not know.
        returns_by_address: The same returns, by client address.
        offers_by_link: Views of the form for which Kasir requests Adyen's payment methods.
        offers_by_address: The same views, by client address.
        forms_by_link: Posted forms.
        forms_by_address: The same forms, by client address.
        slots: Open streams, and forms that wait for the answer to another one.
    """

    limits: Limits
    returns_by_payment: RateLimit
    returns_by_address: RateLimit
    offers_by_link: RateLimit
    offers_by_address: RateLimit
    forms_by_link: RateLimit
    forms_by_address: RateLimit
    slots: ConcurrencyLimit = field(default_factory=ConcurrencyLimit)

    @classmethod
    def of(cls, limits: Limits) -> Self:
        """Make the limits of a process, with nothing counted yet."""
        returns_window = timedelta(seconds=limits.returns_unknown_s)
        visits_window = timedelta(seconds=limits.visits_s)
        return cls(
            limits=limits,
            returns_by_payment=RateLimit(limits.returns_unknown_max, returns_window),
            returns_by_address=RateLimit(limits.returns_unknown_per_address_max, returns_window),
            offers_by_link=RateLimit(limits.offers_per_link_max, visits_window),
            offers_by_address=RateLimit(limits.offers_per_address_max, visits_window),
            forms_by_link=RateLimit(limits.forms_per_link_max, visits_window),
            forms_by_address=RateLimit(limits.forms_per_address_max, visits_window),
        )

    def allow_offer(self, link_id: str, address: str, now: datetime) -> bool:
        """Count a view of the form; return whether Adyen may be asked for its payment methods."""
        by_address = self.offers_by_address.allow(address, now)
        return by_address and self.offers_by_link.allow(link_id, now)

    def check_form(self, link_id: str, address: str, now: datetime) -> None:
        """Count a posted form.

        Raises:
            TooManyRequestsException: Too many forms of this link, or from this address.
        """
        by_address = self.forms_by_address.allow(address, now)
        if not (by_address and self.forms_by_link.allow(link_id, now)):
            wait = str(int(self.limits.visits_s))
            raise TooManyRequestsException("too many forms", headers={"Retry-After": wait})

    @contextmanager
    def stream_slot(self, link_id: str, address: str) -> Iterator[bool]:
        """Hold a slot for an open stream; yields whether a slot was free."""
        limits = self.limits
        slots = {"streams": limits.streams_max, f"link {link_id}": limits.streams_per_link_max}
        if address:
            slots[f"address {address}"] = limits.streams_per_address_max
        with self.slots.hold(slots) as is_held:
            yield is_held

    @contextmanager
    def waiting_slot(self, link_id: str) -> Iterator[bool]:
        """Hold a slot to wait for the answer to another form; yields whether a slot was free."""
        with self.slots.hold({f"waiting {link_id}": self.limits.forms_waiting_max}) as is_held:
            yield is_held


def visitor_limits(request: AnyRequest) -> VisitorLimits:
    """Return the limits of the app that serves a request."""
    limits: VisitorLimits = request.app.state.visitor_limits
    return limits
