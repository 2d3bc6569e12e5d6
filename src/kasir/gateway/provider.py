"""Adyen, as the flow of a payment sees it: ask, and read the answer.

Where Adyen says "not now, ask again" (its transient-error header), it is asked again at once a few
times, with the same key; longer silences are for a worker.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import stamina

from kasir.adyen.calls import Call
from kasir.adyen.replies import Answer, Verdict
from kasir.clock import Clock
from kasir.gateway import meanings
from kasir.gateway.wire import Silence, Wire
from kasir.payments.question import Heard, Question


class _NotNowError(Exception):
    """Adyen could not, and said that it may be asked again."""


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
        answer = await self.wire.send(call)
        if not _is_not_now(answer):
            return answer  # Nearly always: so the machinery of retries is left out.
        tries = stamina.retry_context(
            on=_NotNowError,
            attempts=self.tries_max,
            timeout=self.tries_s_max,
            wait_initial=0.1,
            wait_max=1.0,
        )
        with suppress(_NotNowError):  # After the last try, what it was answered is the answer.
            async for attempt in tries:
                with attempt:
                    if attempt.num > 1:
                        answer = await self.wire.send(call)
                    if _is_not_now(answer):
                        raise _NotNowError
        return answer


def _is_not_now(answer: Answer | Silence) -> bool:
    return isinstance(answer, Answer) and answer.verdict is Verdict.THEIRS
