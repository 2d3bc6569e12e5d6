"""A merchant account whose paid payments are changed through Kasir, and their events."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from fakes import NOW
from integration.webhooks.test_attribution import Account
from kasir.adyen.replies import Answer
from kasir.gateway import meanings
from kasir.payments.payment import Intent
from kasir.payments.question import CallResult, Kind, Question
from kasir.requests.changes import ChangeRequests

VERSION: Final = 72


@dataclass
class _Adyen:
    """Returns the given answers in order; then accepts every change, with `change_psp`."""

    change_psp: str
    answers: list[CallResult | Answer]

    async def ask(self, question: Question) -> CallResult:
        result = self.answers.pop(0) if self.answers else self._accepted(question)
        if isinstance(result, CallResult):
            return result
        return meanings.of_reply(question, result, NOW)

    def _accepted(self, question: Question) -> Answer:
        psp = question.path.split("/")[2] if question.kind in _OF_A_PAYMENT else ""
        fields = {"pspReference": self.change_psp, "paymentPspReference": psp, "status": "received"}
        return Answer(201, msgspec.json.encode({k: v for k, v in fields.items() if v}))


#: Changes whose path has the PSP reference of a payment.
_OF_A_PAYMENT: Final = {Kind.CAPTURES, Kind.REFUNDS, Kind.CANCELS, Kind.REVERSALS}
#: Changes whose request has an amount.
_WITH_AMOUNT: Final = {Kind.CAPTURES, Kind.REFUNDS}


@dataclass
class _Silent:
    """Records each question and does not answer it."""

    asked: list[Question]

    async def ask(self, question: Question) -> CallResult:
        self.asked.append(question)
        return meanings.unanswered(question, NOW, "TimeoutError")


class PaidAccount(Account):
    """A merchant account with paid payments, and the shop's requests to change them."""

    async def create_paid(self, **changes: Any) -> tuple[Intent, str]:
        """Create a paid payment; return its intent and PSP reference."""
        intent, psp = await self.open_payment(**changes), self.psp()
        await self.receives(psp, echo=intent.id)
        return intent, psp

    async def request_change(self, kind: Kind, psp: str, *answers: CallResult | Answer) -> str:
        """Request a change through Kasir; return the change's PSP reference."""
        change_psp = self.psp()
        fields = {"amount": {"currency": "IDR", "value": 25_000}} if kind in _WITH_AMOUNT else {}
        requests = self.change_requests(change_psp, *answers)
        if kind is Kind.CANCELS_BY_REFERENCE:
            body = json.dumps({"paymentReference": self.reference}).encode()
            await requests.cancel_by_reference(body, VERSION, None)
        else:
            await requests.ask(kind, psp, json.dumps(fields).encode(), VERSION, None)
        return change_psp

    async def request_without_answer(self, kind: Kind, psp: str) -> Question:
        """Request a change through Kasir that Adyen does not answer; return the question."""
        asked: list[Question] = []
        provider = _Silent(asked)
        flow = replace(self.kasir.flow, provider=provider)
        requests = replace(self.kasir.changes, flow=flow)
        fields = {"amount": {"currency": "IDR", "value": 25_000}} if kind in _WITH_AMOUNT else {}
        await requests.ask(kind, psp, json.dumps(fields).encode(), VERSION, None)
        return asked[0]

    def change_requests(self, change_psp: str, *answers: CallResult | Answer) -> ChangeRequests:
        """Kasir's handling of change requests, with an Adyen that returns these answers."""
        flow = replace(self.kasir.flow, provider=_Adyen(change_psp, list(answers)))
        return replace(self.kasir.changes, flow=flow)

    async def events(self, intent: Intent) -> list[str]:
        """The payment's events except `payment.authorised`."""
        return [event for event in await self.all_events(intent) if event != "payment.authorised"]
