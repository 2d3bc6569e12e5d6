"""All who follow payments share one look, and hear whatever it finds or cannot find."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from kasir.ids import LinkId, PaymentId
from kasir.web.following import Following

A, B = LinkId("PL_a"), LinkId("PL_b")


@dataclass
class Desk:
    """What there is to see, and how often somebody looked."""

    marks: dict[LinkId, str] = field(default_factory=lambda: {A: "1", B: "1"})
    looks: list[tuple[set[LinkId], set[PaymentId]]] = field(default_factory=list)
    away: bool = False
    looked: asyncio.Event = field(default_factory=asyncio.Event)

    async def look(
        self, links: Collection[LinkId], payments: Collection[PaymentId]
    ) -> dict[LinkId, str]:
        """Give the marks of these links."""
        self.looks.append((set(links), set(payments)))
        self.looked.set()
        if self.away:
            raise OSError("the database is away")
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


async def test_where_the_database_is_away_each_is_left_to_find_out() -> None:
    desk = Desk()
    following = Following(desk.look, 0.01)
    async with following.news(A, PaymentId("1")) as news:
        await desk.again()
        news.clear()
        desk.away = True
        await desk.again()
        told = news.is_set()
        desk.away = False
        await desk.again()

    assert told


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
