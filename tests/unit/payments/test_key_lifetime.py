"""A question is not sent again once the provider may have forgotten its key."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from kasir.ids import PaymentId
from kasir.payments.flow import Flow, Timeouts
from kasir.payments.payment import Intent
from kasir.payments.question import CallResult, KeptAnswer, Kind, Question

OPENED = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
WEEK = timedelta(days=7)
TIMEOUTS = Timeouts(
    lease=timedelta(seconds=40),
    wait=timedelta(seconds=45),
    first_gap=timedelta(seconds=2),
    longest_gap=timedelta(hours=1),
    key_lifetime=WEEK,
)
QUESTION = Question(
    key="kasir-pay_1",
    kind=Kind.PAYMENTS,
    payment_id=PaymentId("pay_1"),
    version=72,
    path="/payments",
    body=b"{}",
    opened_at=OPENED,
    asked_at=datetime.fromtimestamp(0, UTC),  # Released: any process can take it over.
    tries=30,
)


@dataclass
class Silent:
    """A fake of the payment book, of a provider that never answers, and of the clock."""

    time: datetime
    asked: int = 0
    next_times: list[datetime | None] = field(default_factory=list)

    def now(self) -> datetime:
        """Return the time that the test has set."""
        return self.time

    async def ask(self, question: Question) -> CallResult:
        """Never answer."""
        self.asked += 1
        return CallResult(answer=None, facts=())

    async def question(self, key: str) -> tuple[Question, KeptAnswer | None]:
        """Return the only question, without an answer."""
        return QUESTION, None

    @asynccontextmanager
    async def asking(self, question: Question) -> AsyncIterator[None]:
        """Do nothing."""
        yield

    async def take_over(self, question: Question, now: datetime) -> bool:
        """Let every caller take the question over."""
        return True

    async def record(
        self,
        question: Question,
        result: CallResult,
        ask_again_at: datetime | None,
        opened: Intent | None = None,
    ) -> None:
        """Record the time of the next try."""
        self.next_times.append(ask_again_at)


async def _ask_again_after(age: timedelta, chance: float = 0.5) -> Silent:
    silent = Silent(OPENED + age)
    fake = cast("Any", silent)  # It has only the methods that the flow calls.
    flow = Flow(book=fake, provider=fake, clock=fake, chance=lambda: chance, timeouts=TIMEOUTS)
    await flow.ask_again(QUESTION.key)
    return silent


@pytest.mark.parametrize(
    ("age", "asked"),
    [
        (timedelta(minutes=1), 1),
        (WEEK - timedelta(seconds=1), 1),
        (WEEK, 0),
        (2 * WEEK, 0),
    ],
)
async def test_a_question_is_not_sent_again_once_its_key_may_be_forgotten(
    age: timedelta, asked: int
) -> None:
    assert asked == (await _ask_again_after(age)).asked


@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
async def test_the_next_try_is_within_the_lifetime_of_the_key_or_there_is_none(
    chance: float,
) -> None:
    early = await _ask_again_after(timedelta(days=1), chance)
    late = await _ask_again_after(WEEK - timedelta(minutes=20), chance)

    # The longest gap, one hour, is multiplied by a number from 0.5 to 1.5.
    assert [OPENED + timedelta(days=1, hours=0.5 + chance)] == early.next_times
    assert late.next_times == [None]
