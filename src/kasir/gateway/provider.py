"""Adyen as the provider of the payment flow: sends a question, and reads the answer.

If Adyen answers with a transient error, the question is sent again a few times within seconds, with
the same idempotency key. After a longer outage a worker sends the question again.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import stamina

from kasir.adyen.calls import Call
from kasir.adyen.replies import Answer, Verdict
from kasir.clock import Clock
from kasir.gateway import meanings
from kasir.gateway.wire import NoAnswer, Wire
from kasir.payments.question import CallResult, KeptAnswer, Question


class _TransientError(Exception):
    """Adyen answered with a transient error."""


@dataclass(frozen=True, slots=True)
class Adyen:
    """Sends questions to Adyen.

    While Adyen answers with transient errors, `ask` sends a question at most `tries_max` times
    within `tries_s_max` seconds.
    """

    wire: Wire
    clock: Clock
    tries_max: int
    tries_s_max: float

    async def ask(self, question: Question) -> CallResult:
        """Send a question, and return the result. A failure is returned too, not raised."""
        call = Call(question.path, question.body, question.version, question.key)
        answer = await self._send(call)
        if isinstance(answer, NoAnswer):
            return meanings.unanswered(question, self.clock.now(), answer.why)
        return meanings.of_reply(question, answer, self.clock.now())

    async def _send(self, call: Call) -> Answer | NoAnswer:
        answer = await self.wire.send(call)
        if not _is_transient(answer):
            return answer  # Nearly every call ends here, so it does not prepare retries.
        tries = stamina.retry_context(
            on=_TransientError,
            attempts=self.tries_max,
            timeout=self.tries_s_max,
            wait_initial=0.1,
            wait_max=1.0,
        )
        with suppress(_TransientError):  # The answer to the last try counts.
            async for attempt in tries:
                with attempt:
                    if attempt.num > 1:
                        answer = await self.wire.send(call)
                    if _is_transient(answer):
                        raise _TransientError
        return answer


def reply_of(kept: KeptAnswer) -> Answer:
    """Adyen's answer, from its stored form."""
    return Answer(kept.status, kept.body, kept.psp_reference, decoded=kept.fields)


def _is_transient(answer: Answer | NoAnswer) -> bool:
    return isinstance(answer, Answer) and answer.verdict is Verdict.TRANSIENT
