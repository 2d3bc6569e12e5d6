"""All subscribers share one query; they are notified of changes, and when the query fails."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import pytest

from kasir.ids import LinkId, PaymentId
from kasir.payment_form.live_updates import ChangePoller

#: Two links.
A, B = LinkId("PL_a"), LinkId("PL_b")


@dataclass
class Versions:
    """A fake of the database: the version of each link, and the queries that were made."""

    by_link: dict[LinkId, str] = field(default_factory=lambda: {A: "1", B: "1"})
    queries: list[tuple[set[LinkId], set[PaymentId]]] = field(default_factory=list)
    error: BaseException | None = None
    was_read: asyncio.Event = field(default_factory=asyncio.Event)

    async def read(
        self, links: Collection[LinkId], payments: Collection[PaymentId]
    ) -> dict[LinkId, str]:
        """Return the versions of these links, or fail."""
        self.queries.append((set(links), set(payments)))
        self.was_read.set()
        if self.error:
            raise self.error
        return {link: self.by_link[link] for link in links}

    async def wait_for_two_queries(self) -> None:
        """Wait for two queries; after the second, the first one's notifications were sent."""
        for _ in range(2):
            self.was_read.clear()
            await asyncio.wait_for(self.was_read.wait(), 10)


async def test_many_subscribers_share_one_query() -> None:
    versions = Versions()
    poller = ChangePoller(versions.read, 0.01)
    async with AsyncExitStack() as stack:
        for number in range(300):
            await stack.enter_async_context(poller.subscribe(A, PaymentId(f"pay_{number}")))
        await versions.wait_for_two_queries()
        first = versions.queries[0]

    assert first == ({A}, {PaymentId(f"pay_{number}") for number in range(300)})
    assert all(links == {A} for links, _ in versions.queries)


async def test_only_the_subscribers_of_a_changed_link_are_notified() -> None:
    versions = Versions()
    poller = ChangePoller(versions.read, 0.01)
    async with (
        poller.subscribe(A, PaymentId("1")) as a_changed,
        poller.subscribe(B, PaymentId("2")) as b_changed,
    ):
        await versions.wait_for_two_queries()
        a_changed.clear()
        b_changed.clear()
        versions.by_link[A] = "2"
        await versions.wait_for_two_queries()
        notified = a_changed.is_set(), b_changed.is_set()

    assert notified == (True, False)


@pytest.mark.parametrize("error", [OSError("the database is unavailable"), RuntimeError("a fault")])
async def test_a_failed_query_notifies_all_subscribers_and_later_changes_are_notified_again(
    error: Exception,
) -> None:
    versions = Versions()
    poller = ChangePoller(versions.read, 0.01)
    async with poller.subscribe(A, PaymentId("1")) as changed:
        await versions.wait_for_two_queries()
        changed.clear()
        versions.error = error
        await versions.wait_for_two_queries()
        was_notified = changed.is_set()
        versions.error = None
        await versions.wait_for_two_queries()
        changed.clear()
        versions.by_link[A] = "2"
        await versions.wait_for_two_queries()
        was_notified_again = changed.is_set()

    assert (was_notified, was_notified_again) == (True, True)


async def test_a_subscriber_starts_polling_again_after_the_poll_was_cancelled() -> None:
    versions = Versions()
    poller = ChangePoller(versions.read, 0.01)
    async with poller.subscribe(A, PaymentId("1")):
        await versions.wait_for_two_queries()
        versions.error = asyncio.CancelledError()
        await asyncio.wait([task for task in asyncio.all_tasks() if _is_poll(task)])
        versions.error = None
        async with poller.subscribe(B, PaymentId("2")):
            await versions.wait_for_two_queries()
        last = versions.queries[-1]

    assert last == ({A, B}, {PaymentId("1"), PaymentId("2")})


def _is_poll(task: asyncio.Task[object]) -> bool:
    return getattr(task.get_coro(), "__qualname__", "") == "ChangePoller._poll"


async def test_polling_stops_without_subscribers_and_starts_again_with_one() -> None:
    versions = Versions()
    poller = ChangePoller(versions.read, 0)
    async with poller.subscribe(A, PaymentId("1")):
        async with poller.subscribe(B, PaymentId("2")):
            await versions.wait_for_two_queries()
        await versions.wait_for_two_queries()
        last_with_a = versions.queries[-1]
    versions.queries.clear()
    for _ in range(100):  # A running poller would query in each iteration.
        await asyncio.sleep(0)
    queries_without_subscribers = len(versions.queries)
    async with poller.subscribe(B, PaymentId("3")):
        await versions.wait_for_two_queries()

    assert last_with_a == ({A}, {PaymentId("1")})
    assert queries_without_subscribers == 0
    assert versions.queries[-1] == ({B}, {PaymentId("3")})
