"""All who follow payments share one look, and hear whatever it finds or cannot find."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import pytest

from kasir.ids import LinkId, PaymentId
from kasir.payment_form.following import Following

A, B = LinkId("PL_a"), LinkId("PL_b")


@dataclass
class Desk:
    """What there is to see, and how often somebody looked."""

    marks: dict[LinkId, str] = field(default_factory=lambda: {A: "1", B: "1"})
    looks: list[tuple[set[LinkId], set[PaymentId]]] = field(default_factory=list)
    trouble: BaseException | None = None
    looked: asyncio.Event = field(default_factory=asyncio.Event)

    async def look(
        self, links: Collection[LinkId], payments: Collection[PaymentId]
    ) -> dict[LinkId, str]:
        """Give the marks of these links."""
        self.looks.append((set(links), set(payments)))
        self.looked.set()
        if self.trouble:
            raise self.trouble
        return {link: self.marks[link] for link in links}

    async def again(self) -> None:
        """Wait until somebody has looked twice from now on: what was seen last is told by then."""
        for _ in range(2):
            self.looked.clear()
            await asyncio.wait_for(self.looked.wait(), 10)


async def test_many_who_follow_cost_one_look() -> None:
    desk = Desk()
    following = Following(desk.look, 0.01)
    async with AsyncExitStack() as stack:
        for number in range(300):
            await stack.enter_async_context(following.news(A, PaymentId(f"pay_{number}")))
        await desk.again()
        seen = desk.looks[0]

    assert seen == ({A}, {PaymentId(f"pay_{number}") for number in range(300)})
    assert all(links == {A} for links, _ in desk.looks)


async def test_only_those_whose_link_changed_are_told() -> None:
    desk = Desk()
    following = Following(desk.look, 0.01)
    async with following.news(A, PaymentId("1")) as of_a, following.news(B, PaymentId("2")) as of_b:
        await desk.again()
        of_a.clear()
        of_b.clear()
        desk.marks[A] = "2"
        await desk.again()
        told = of_a.is_set(), of_b.is_set()

    assert told == (True, False)


@pytest.mark.parametrize("trouble", [OSError("the database is away"), RuntimeError("a fault")])
async def test_where_looking_fails_each_is_left_to_find_out_and_hears_news_again(
    trouble: Exception,
) -> None:
    desk = Desk()
    following = Following(desk.look, 0.01)
    async with following.news(A, PaymentId("1")) as news:
        await desk.again()
        news.clear()
        desk.trouble = trouble
        await desk.again()
        told = news.is_set()
        desk.trouble = None
        await desk.again()
        news.clear()
        desk.marks[A] = "2"
        await desk.again()
        told_again = news.is_set()

    assert (told, told_again) == (True, True)


async def test_where_the_look_itself_was_ended_whoever_follows_next_has_it_begun_anew() -> None:
    desk = Desk()
    following = Following(desk.look, 0.01)
    async with following.news(A, PaymentId("1")):
        await desk.again()
        desk.trouble = asyncio.CancelledError()
        await asyncio.wait([task for task in asyncio.all_tasks() if _looks(task)])
        desk.trouble = None
        async with following.news(B, PaymentId("2")):
            await desk.again()
        last = desk.looks[-1]

    assert last == ({A, B}, {PaymentId("1"), PaymentId("2")})


def _looks(task: asyncio.Task[object]) -> bool:
    return getattr(task.get_coro(), "__qualname__", "") == "Following._look"


async def test_nobody_looks_once_nobody_follows_and_somebody_does_again_later() -> None:
    desk = Desk()
    following = Following(desk.look, 0)
    async with following.news(A, PaymentId("1")):
        async with following.news(B, PaymentId("2")):
            await desk.again()
        await desk.again()
        left = desk.looks[-1]
    desk.looks.clear()
    for _ in range(100):  # In each of which whoever looks would have looked.
        await asyncio.sleep(0)
    idle = len(desk.looks)
    async with following.news(B, PaymentId("3")):
        await desk.again()

    assert left == ({A}, {PaymentId("1")})
    assert idle == 0
    assert desk.looks[-1] == ({B}, {PaymentId("3")})
