"""Reads the changes of all open status pages with one database query a second.

Facts are only ever added, so a link has changed if the number of its facts has changed. Then the
stream of each of its pages reads its own payment.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager

from kasir.ids import LinkId, PaymentId

#: Reads the version of each link, given the ids of the links and of their payments. The version
#: changes whenever the link or one of its payments changes.
ReadVersions = Callable[
    [Collection[LinkId], Collection[PaymentId]], Awaitable[Mapping[LinkId, str]]
]


class ChangePoller:
    """Polls for changes on behalf of all subscribers in this process.

    Polls every `poll_s` seconds while there are subscribers.
    """

    def __init__(self, read_versions: ReadVersions, poll_s: float) -> None:
        self._read_versions = read_versions
        self._poll_s = poll_s
        self._subscribers: dict[asyncio.Event, tuple[LinkId, PaymentId]] = {}
        self._polling: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def subscribe(
        self, link_id: LinkId, payment_id: PaymentId
    ) -> AsyncIterator[asyncio.Event]:
        """Subscribe to a payment: the event is set whenever the payment may have changed."""
        event = asyncio.Event()
        event.set()  # The payment may have changed since the caller read it.
        self._subscribers[event] = link_id, payment_id
        if self._polling is None or self._polling.done():
            self._polling = asyncio.create_task(self._poll())
        try:
            yield event
        finally:
            del self._subscribers[event]
            if not self._subscribers and self._polling is not None:
                self._polling.cancel()
                self._polling = None

    async def _poll(self) -> None:
        seen: Mapping[LinkId, str] = {}
        while True:
            seen = await self._notify_changed(seen)
            await asyncio.sleep(self._poll_s)

    async def _notify_changed(self, seen: Mapping[LinkId, str]) -> Mapping[LinkId, str]:
        """Notify subscribers of links whose version is not in `seen`; return all versions."""
        links, payments = zip(*self._subscribers.values(), strict=True)
        try:
            versions = await self._read_versions(set(links), set(payments))
        except Exception:  # noqa: BLE001  # After any failure each subscriber reads its payment.
            versions = {}
        for event, (link_id, _) in self._subscribers.items():
            if versions.get(link_id) is None or versions.get(link_id) != seen.get(link_id):
                event.set()
        return versions
