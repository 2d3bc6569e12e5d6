"""Adyen, as the flow of a payment sees it: ask, and read the answer."""

from __future__ import annotations

from dataclasses import dataclass

from kasir.adyen.calls import Call
from kasir.clock import Clock
from kasir.gateway import meanings
from kasir.gateway.wire import Silence, Wire
from kasir.payments.ports import Heard, Question


@dataclass(frozen=True, slots=True)
class Adyen:
    """The provider, over the wire."""

    wire: Wire
    clock: Clock

    async def ask(self, question: Question) -> Heard:
        """Send a question and read the answer. Never raises for trouble on the way."""
        call = Call(question.path, question.body, question.version, question.key)
        answer = await self.wire.send(call)
        if isinstance(answer, Silence):
            return meanings.unheard(question, self.clock.now(), answer.why)
        return meanings.of_reply(question, answer, self.clock.now())
