"""What is sent to the shop: lists deliveries, sends them again, pauses and resumes an address."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from typing import Final
from urllib.parse import urlsplit

from kasir.clock import Clock
from kasir.errors import Fault, InvalidRequest, NotFound
from kasir.relay_settings import RelaySettings
from kasir.store import deliveries, relay
from kasir.store.database import Pool
from kasir.store.deliveries import (
    AddressName,
    Delivery,
    DeliveryFilter,
    DeliveryState,
    Listed,
    Try,
)
from kasir.store.doctor import DoctorCounts

#: A place in the list: the ids of the last listed event and of the last listed relayed notice.
_CURSOR: Final = re.compile(r"(\d{1,18})\.(\d{1,18})", re.ASCII)
#: Higher than every id.
_NO_ID: Final = 10**18 - 1
#: What has no address, by the name of the address.
_UNSET: Final = {
    AddressName.EVENTS: "no address for events is set: KASIR_EVENTS_URL.",
    AddressName.RELAY: "no relay is set: KASIR_RELAY_URL.",
}


@dataclass(frozen=True, slots=True)
class SentDelivery:
    """A delivery and the URL that it goes to; None if none is set now."""

    delivery: Delivery
    address: AddressName
    to: str | None


@dataclass(frozen=True, slots=True)
class DeliveryPage:
    """A page of deliveries, newest first. `after` is the next page's place; None at the end."""

    deliveries: list[SentDelivery]
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """An address that Kasir delivers to, and what waits for it.

    Attributes:
        name: Its name.
        to: Its URL, without user, password and query; None if none is set.
        tokens_to: The URL for token notifications, where it is another.
        waiting: How many deliveries wait, counted up to a limit.
        waiting_since: When the oldest of them was stored.
        last_try: The last try of any delivery to it.
        paused_at: Since when it is paused; None if it is not.
    """

    name: AddressName
    to: str | None
    tokens_to: str | None
    waiting: int
    waiting_since: datetime | None
    last_try: Try | None
    paused_at: datetime | None


@dataclass(frozen=True, slots=True)
class Resent:
    """How many deliveries are due again.

    Attributes:
        count: How many.
        until: The end of the time.
        left_since: From when on deliveries are left, because there are too many for one call; None
            if none is left.
    """

    count: int
    until: datetime
    left_since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliveries:
    """The deliveries of one account.

    Attributes:
        pool: The database.
        clock: Kasir's clock.
        events_url: The shop's address for events; None if it fetches them.
        relay: The relay's settings; None if nothing is relayed.
        counts_max: The highest number that is counted to.
        resent_max: The most deliveries that one `resend_since` makes due again, per address.
    """

    pool: Pool
    clock: Clock
    events_url: str | None
    relay: RelaySettings | None
    counts_max: int
    resent_max: int

    async def listed(
        self, wanted: DeliveryFilter, to: str, limit: int, after: str = ""
    ) -> DeliveryPage:
        """List deliveries, newest first; the number of statements does not grow with the list.

        Args:
            wanted: Which ones.
            to: The name or a URL of their address; empty for both addresses. The relay's two URLs
                have one queue, and are one address.
            limit: How many at most.
            after: The place of this page; empty for the first.

        Raises:
            InvalidRequest: There is no such address or place.
        """
        names = self._addresses_of(to)
        event_id, relay_id = _ids_at(after)
        streams = []
        if AddressName.EVENTS in names:
            events = await deliveries.of_events(self.pool, wanted, event_id, limit + 1)
            streams.append(events)
        if AddressName.RELAY in names:
            relayed = await deliveries.of_relay(self.pool, wanted, relay_id, limit + 1)
            streams.append(relayed)
        ordered = [*merge(*streams, key=lambda one: one.delivery.created_at, reverse=True)]
        page = ordered[:limit]
        cursor = _cursor_after(page, event_id, relay_id) if len(ordered) > limit else None
        return DeliveryPage([self._sent(one) for one in page], cursor)

    async def find(self, delivery_id: str) -> SentDelivery:
        """Return a delivery.

        Raises:
            NotFound: There is none with this id.
        """
        return self._sent(await self._find(delivery_id))

    async def resend(self, delivery_id: str) -> SentDelivery:
        """Make a delivery due again, with the same id and body; one that waits is not changed.

        Raises:
            NotFound: There is none with this id.
            InvalidRequest: Its address is not set, or its body was deleted.
        """
        found = await self._find(delivery_id)
        self._require(found.address)
        if found.delivery.state is DeliveryState.WAITING:
            return self._sent(found)
        if found.delivery.state is DeliveryState.SKIPPED:
            raise InvalidRequest([Fault("id", "the setting KASIR_RELAY_SEND leaves it out.")])
        now = self.clock.now()
        count = await deliveries.resend_rows(self.pool, found.address, [found.row_id], now)
        again = await self._find(delivery_id)
        if not count and again.delivery.state is not DeliveryState.WAITING:
            cure = (
                "its notification was deleted some time after it was read, so nothing can be sent."
            )
            raise InvalidRequest([Fault("id", cure)])
        return self._sent(again)

    async def resend_since(
        self, since: datetime, until: datetime | None = None, to: str = ""
    ) -> Resent:
        """Make due again what ended in a time: what was accepted, given up or dropped.

        Each delivery is sent once more, with the same id and body, so the shop can recognise those
        that it has. What waits already is not changed.

        Args:
            since: The beginning of the time.
            until: Its end; None for now.
            to: The name or the URL of the address; empty for both.

        Raises:
            InvalidRequest: There is no such address, or it is not set.
        """
        names = self._addresses_of(to)
        if to:
            self._require(*names)
        now = self.clock.now()
        count, until, left = 0, until or now, list[datetime]()
        for name in filter(self._urls, names):
            ended = await deliveries.ended_since(self.pool, name, since, until, self.resent_max + 1)
            ids = sorted(one.row_id for one in ended[: self.resent_max])
            count += await deliveries.resend_rows(self.pool, name, ids, now)
            left += [one.at for one in ended[self.resent_max :]]
        return Resent(count, until, min(left, default=None))

    async def addresses(self) -> list[Address]:
        """Return both addresses, with what waits for each."""
        paused = await deliveries.paused(self.pool)
        undelivered = await DoctorCounts(self.pool).undelivered(self.clock.now(), self.counts_max)
        backlog = await relay.backlog(self.pool, self.counts_max)
        tokens_url = self.relay.tokens_url if self.relay else None
        relayed = Try(backlog.tried_at, backlog.status, backlog.error) if backlog.tried_at else None
        return [
            Address(
                name=AddressName.EVENTS,
                to=_shown(self.events_url),
                tokens_to=None,
                waiting=undelivered.waiting,
                waiting_since=undelivered.since,
                last_try=undelivered.last,
                paused_at=paused.get(AddressName.EVENTS),
            ),
            Address(
                name=AddressName.RELAY,
                to=_shown(self.relay.url if self.relay else None),
                tokens_to=_shown(tokens_url),
                waiting=backlog.waiting,
                waiting_since=backlog.since,
                last_try=relayed,
                paused_at=paused.get(AddressName.RELAY),
            ),
        ]

    async def pause(self, to: str) -> Address:
        """Send nothing to an address; a try that is under way ends. What is for it waits.

        Raises:
            InvalidRequest: There is no such address.
        """
        (name,) = self._addresses_of(to)
        await deliveries.pause(self.pool, name, self.clock.now())
        return await self._address(name)

    async def resume(self, to: str) -> Address:
        """Send to an address again.

        Raises:
            InvalidRequest: There is no such address.
        """
        (name,) = self._addresses_of(to)
        await deliveries.resume(self.pool, name)
        return await self._address(name)

    async def _address(self, name: AddressName) -> Address:
        return next(one for one in await self.addresses() if one.name is name)

    async def _find(self, delivery_id: str) -> Listed:
        row_id = deliveries.relayed_row(delivery_id)
        if row_id is None:
            found = await deliveries.event_named(self.pool, delivery_id)
        else:
            found = await deliveries.relayed(self.pool, row_id)
        if found is None:
            raise NotFound("delivery", delivery_id)
        return found

    def _addresses_of(self, to: str) -> list[AddressName]:
        """The addresses that `to` names: one, or both where it is empty.

        Raises:
            InvalidRequest: It is neither a name nor a URL of an address.
        """
        if not to:
            return [*AddressName]
        found = [name for name in AddressName if to in {name, *self._urls(name)}]
        if not found:
            known = [*AddressName, *(url for name in AddressName for url in self._urls(name))]
            raise InvalidRequest([Fault("to", f"must be one of {', '.join(known)}.")])
        # A shop may take both at one URL; `events` is the one that is meant by it.
        return found[:1]

    def _require(self, *names: AddressName) -> None:
        """Check that these addresses are set.

        Raises:
            InvalidRequest: One is not.
        """
        for name in names:
            if not self._urls(name):
                raise InvalidRequest([Fault("to", _UNSET[name])])

    def _urls(self, name: AddressName) -> list[str]:
        """The URLs of an address, as they are shown."""
        if name is AddressName.EVENTS:
            urls: list[str | None] = [self.events_url]
        else:
            urls = [self.relay.url, self.relay.tokens_url] if self.relay else []
        return [shown for url in urls if (shown := _shown(url))]

    def _sent(self, listed: Listed) -> SentDelivery:
        return SentDelivery(listed.delivery, listed.address, self._to(listed))

    def _to(self, listed: Listed) -> str | None:
        if listed.address is AddressName.EVENTS:
            return _shown(self.events_url)
        if self.relay is None:
            return None
        return _shown(self.relay.tokens_url if listed.is_of_token else self.relay.url)


def _shown(url: str | None) -> str | None:
    """A URL without its user, password, query and fragment, which may be secret."""
    if url is None:
        return None
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def _ids_at(after: str) -> tuple[int | None, int | None]:
    """The ids before which a page begins, of events and of relayed notices; None for the first.

    Raises:
        InvalidRequest: `after` is not the place of a page.
    """
    if not after:
        return None, None
    found = _CURSOR.fullmatch(after)
    if found is None:
        raise InvalidRequest([Fault("after", "must be `next` of an earlier page.")])
    return int(found[1]), int(found[2])


def _cursor_after(page: Sequence[Listed], event_id: int | None, relay_id: int | None) -> str:
    """The place of the page after this one."""
    last = {AddressName.EVENTS: event_id, AddressName.RELAY: relay_id}
    last |= {one.address: one.row_id for one in page}
    events, relayed = (_NO_ID if number is None else number for number in last.values())
    return f"{events}.{relayed}"
