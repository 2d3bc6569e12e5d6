"""What visitors of a link may do, and how often: they need no key, and are anybody.

Counted by payment, by link and by address, in each process for itself, and forgotten after a
while: a bound on what strangers cost, and no record of them. Whoever shares an address with
thousands, as phones do, is bound by the link's and the payment's count far sooner.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final, Self
from urllib.parse import urlsplit

from litestar.exceptions import PermissionDeniedException, TooManyRequestsException

from kasir.http_types import AnyRequest
from kasir.limits import Limits
from kasir.wiring import Kasir

_KEYS_MAX: Final = 10_000
#: What one customer of a network is given of its addresses.
_IPV6_BITS: Final = 64
#: What a browser says of a page's own request, and of what a person typed.
_OWN_SITES: Final = ("same-origin", "none")


@dataclass(slots=True)
class Tries:
    """How often something may be done within a time, counted by key.

    Attributes:
        most: So often.
        within: In this time from the first one on.
    """

    most: int
    within: timedelta
    _counted: dict[str, tuple[datetime, int]] = field(default_factory=dict)

    def take(self, key: str, now: datetime) -> bool:
        """Whether it may be done once more; if so, that is counted. An empty key always may."""
        if not key:
            return True
        since, count = self._counted.pop(key, (now, 0))
        if not since <= now < since + self.within:
            since, count = now, 0
        self._counted[key] = since, min(count + 1, self.most)
        if len(self._counted) > _KEYS_MAX:
            del self._counted[next(iter(self._counted))]  # The one not seen for longest.
        return count < self.most

    def is_spent(self, key: str) -> bool:
        """Whether the last one was taken."""
        return key in self._counted and self._counted[key][1] >= self.most

    def give_back(self, key: str) -> None:
        """Do not count one that was taken."""
        if key in self._counted:
            since, count = self._counted[key]
            self._counted[key] = since, max(count - 1, 0)


@dataclass(slots=True)
class Places:
    """How many may do something at the same time, counted by key."""

    _taken: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def taken(self, most: dict[str, int]) -> Iterator[bool]:
        """Take a place of each key for as long as the context lasts.

        Args:
            most: How many places each key has.

        Yields:
            Whether there was a place of each; if not, none was taken.
        """
        is_free = all(self._taken[key] < places for key, places in most.items())
        if is_free:
            self._taken.update(most.keys())
        try:
            yield is_free
        finally:
            if is_free:
                self._taken.subtract(most.keys())
                self._taken += Counter()  # Drops those that nobody takes.


@dataclass(slots=True, kw_only=True)
class Visitors:
    """What all visitors of this process did lately.

    Attributes:
        limits: How much that may be.
        returns: Returns from the wallet that Adyen knew nothing of, by payment.
        returns_from: The same, by address.
        offers: Looks at the form for which Adyen was asked, by link.
        offers_to: The same, by address.
        forms: Forms posted, by link.
        forms_from: The same, by address.
        places: Streams held open, and forms that wait for one answer.
    """

    limits: Limits
    returns: Tries
    returns_from: Tries
    offers: Tries
    offers_to: Tries
    forms: Tries
    forms_from: Tries
    places: Places = field(default_factory=Places)

    @classmethod
    def within(cls, limits: Limits) -> Self:
        """Nobody has been here yet."""
        returns = timedelta(seconds=limits.returns_unknown_s)
        visits = timedelta(seconds=limits.visits_s)
        return cls(
            limits=limits,
            returns=Tries(limits.returns_unknown_max, returns),
            returns_from=Tries(limits.returns_unknown_per_address_max, returns),
            offers=Tries(limits.offers_per_link_max, visits),
            offers_to=Tries(limits.offers_per_address_max, visits),
            forms=Tries(limits.forms_per_link_max, visits),
            forms_from=Tries(limits.forms_per_address_max, visits),
        )

    def may_ask(self, link_id: str, address: str, now: datetime) -> bool:
        """Whether Adyen is asked what it offers to whoever looks at a form."""
        return self.offers_to.take(address, now) and self.offers.take(link_id, now)

    def refuse_too_many(self, link_id: str, address: str, now: datetime) -> None:
        """Let only so many forms be posted.

        Raises:
            TooManyRequestsException: There were too many of this link or from this address.
        """
        if not (self.forms_from.take(address, now) and self.forms.take(link_id, now)):
            wait = str(int(self.limits.visits_s))
            raise TooManyRequestsException("too many forms", headers={"Retry-After": wait})

    @contextmanager
    def streaming(self, link_id: str, address: str) -> Iterator[bool]:
        """Hold a stream open, if there is a place for it; yields whether there is."""
        limits = self.limits
        most = {"streams": limits.streams_max, f"link {link_id}": limits.streams_per_link_max}
        if address:
            most[f"address {address}"] = limits.streams_per_address_max
        with self.places.taken(most) as is_free:
            yield is_free

    @contextmanager
    def waiting(self, link_id: str) -> Iterator[bool]:
        """Wait for an answer that another form of the link asked for; yields whether one may."""
        with self.places.taken({f"waiting {link_id}": self.limits.forms_waiting_max}) as is_free:
            yield is_free


def visitors_of(request: AnyRequest) -> Visitors:
    """Those of the app that a request came to."""
    found: Visitors = request.app.state.visitors
    return found


def address_of(request: AnyRequest) -> str:
    """Whom a request is counted for; empty where its address says nothing of who sent it.

    Everything that comes by way of this machine has its address: a proxy's calls, if that does not
    say whose they are.
    """
    host = request.client.host if request.client else ""
    address = _address(host)
    return "" if address is None or address.is_loopback else customer_of(host)


def in_its_family(host: str) -> str:
    """An address as it is written where it comes from; anything else as it is."""
    return str(_address(host) or host)


def customer_of(host: str) -> str:
    """The part of an address that is one customer's of a network."""
    address = _address(host)
    if isinstance(address, IPv6Address):
        return f"{int(address) >> _IPV6_BITS:x}::"
    return str(address or host)


def _address(host: str) -> IPv4Address | IPv6Address | None:
    """An address in its own family: a socket of both gives IPv4 ones as a part of IPv6."""
    try:
        address = ip_address(host)
    except ValueError:
        return None
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


def _host_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None  # A bracket that does not close: nobody's.


def refuse_other_origins(request: AnyRequest, kasir: Kasir) -> None:
    """Let a form be posted by our own pages only.

    Our pages ask for no referrer, so that many a browser calls their origin `null`; it then says
    in another header whether it is ours.

    Raises:
        PermissionDeniedException: A page of another origin posted it.
    """
    headers = request.headers
    origin = headers.get("origin", "null")
    ours = {headers.get("host", ""), urlsplit(kasir.settings.public_url).netloc}
    is_other = origin != "null" and _host_of(origin) not in ours
    if is_other or headers.get("sec-fetch-site", "none") not in _OWN_SITES:
        raise PermissionDeniedException("only the form's own page may post it")
