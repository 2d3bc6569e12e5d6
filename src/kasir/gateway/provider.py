"""Adyen, as the flow of a payment sees it: ask, and read the answer.

Where Adyen says "not now, ask again" (its transient-error header), it is asked again at once a few
times, with the same key; longer silences are for a worker.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeGuard

import stamina

from kasir.adyen.calls import Call
from kasir.adyen.replies import Answer, Verdict
from kasir.clock import Clock
from kasir.gateway import meanings
from kasir.gateway.wire import Silence, Wire
from kasir.payments.ports import Heard, Question


class _NotNowError(Exception):
    """Adyen could not, and said that it may be asked again."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"HTTP {answer.status}")
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Adyen:
    """The provider, over the wire.

    `tries_max` and `tries_s_max` bound how often and how long one asking tries.
    """

    wire: Wire
    clock: Clock
    tries_max: int
    tries_s_max: float

    async def ask(self, question: Question) -> Heard:
        """Send a question and read the answer. Never raises for trouble on the way."""
        call = Call(question.path, question.body, question.version, question.key)
        answer = await self._send(call)
        if isinstance(answer, Silence):
            return meanings.unheard(question, self.clock.now(), answer.why)
        return meanings.of_reply(question, answer, self.clock.now())

    async def _send(self, call: Call) -> Answer | Silence:
        first = await self.wire.send(call)
        if not _is_not_now(first):
            return first  # Nearly always: so the machinery of retries is left out.
        tries = stamina.retry_context(
            on=_NotNowError,
            attempts=self.tries_max,
            timeout=self.tries_s_max,
            wait_initial=0.1,
            wait_max=1.0,
        )
        try:
            async for attempt in tries:
                with attempt:
                    answer = first if attempt.num == 1 else await self.wire.send(call)
                    return _unless_not_now(answer)
        except _NotNowError as not_now:
            return not_now.answer
        raise AssertionError("there is always a first attempt")


def _unless_not_now(answer: Answer | Silence) -> Answer | Silence:
    if _is_not_now(answer):
        raise _NotNowError(answer)
    return answer


def _is_not_now(answer: Answer | Silence) -> TypeGuard[Answer]:
    return isinstance(answer, Answer) and answer.verdict is Verdict.THEIRS
