"""One look for all who follow a payment: however many streams are open, the database is asked once.

Facts are only ever added, so that their number tells whether there is news; each stream then looks
closely for itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager

from kasir.ids import LinkId, PaymentId

#: Gives a mark for each link, another one whenever something of it has changed.
Marks = Callable[[Collection[LinkId], Collection[PaymentId]], Awaitable[Mapping[LinkId, str]]]


class Following:
    """All who follow a payment in this process.

    Looks every `look_s` seconds as long as there are any.
    """

    def __init__(self, marks: Marks, look_s: float) -> None:
        self._marks = marks
        self._look_s = look_s
        self._followers: dict[asyncio.Event, tuple[LinkId, PaymentId]] = {}
        self._looking: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def news(self, link_id: LinkId, payment_id: PaymentId) -> AsyncIterator[asyncio.Event]:
        """Follow a payment: the event is set whenever there may be news of it."""
        event = asyncio.Event()
        event.set()  # What changed since the caller looked would be missed otherwise.
        self._followers[event] = link_id, payment_id
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        try:
            yield event
        finally:
            del self._followers[event]
            if not self._followers and self._looking is not None:
                self._looking.cancel()
                self._looking = None

    async def _look(self) -> None:
        seen: Mapping[LinkId, str] = {}
        while True:
            seen = await self._changed(seen)
            await asyncio.sleep(self._look_s)

    async def _changed(self, seen: Mapping[LinkId, str]) -> Mapping[LinkId, str]:
        """Tell those who follow what has changed; gives the marks as they are now."""
        links, payments = zip(*self._followers.values(), strict=True)
        try:
            marks = await self._marks(set(links), set(payments))
        except Exception:  # noqa: BLE001  # Whatever it was, those who follow look for themselves.
            marks = {}
        for event, (link_id, _) in self._followers.items():
            if marks.get(link_id) is None or marks.get(link_id) != seen.get(link_id):
                event.set()
        return marks
