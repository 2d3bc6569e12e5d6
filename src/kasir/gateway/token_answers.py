"""Records that a token is gone, if Adyen's answer to a charge reports that the token is unknown.

If the token webhook was lost, this answer is the first report. Every try of every charge, by a
renewal or by the shop, is sent through this provider. The fact is recorded before the answer is
stored. So if the process stops in between, the question is sent again and the fact is not lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from kasir.clock import Clock
from kasir.gateway.charged_tokens import TokenBook, charged_token
from kasir.gateway.provider import reply_of
from kasir.payments.flow import Provider
from kasir.payments.question import CallResult, KeptAnswer, Kind, Question
from kasir.tokens.model import BY_ANSWER, Token, TokenFact, TokenReport, TokenSays

#: The codes of Adyen's errors *Contract not found* and *PaymentDetail not found*. GUESS: in which
#: case Adyen sends which error; see docs/adyen.md.
_NO_SUCH_TOKEN: Final = frozenset({"800", "803"})


@dataclass(frozen=True, slots=True)
class TokenRecordingProvider:
    """A provider that records a token as gone if the answer to a charge reports that.

    Attributes:
        provider: The provider that sends the question.
        tokens: Finds tokens, and records facts about them.
        clock: The time of the recorded facts.
    """

    provider: Provider
    tokens: TokenBook
    clock: Clock

    async def ask(self, question: Question) -> CallResult:
        """Send a question, record a token that is gone by the answer, and return the result."""
        result = await self.provider.ask(question)
        if question.kind is Kind.PAYMENTS and result.answer and _is_no_such_token(result.answer):
            token = await charged_token(question, self.tokens)
            if token is not None:
                await self.tokens.record([self._not_listed(question, token)])
        return result

    def _not_listed(self, question: Question, token: Token) -> TokenReport:
        """The fact that the token is not listed. If a later list has it, it is active again."""
        fact = TokenFact(
            f"answered:{question.key}", TokenSays.NOT_LISTED, BY_ANSWER, self.clock.now()
        )
        return TokenReport(name=token.name, method="", fact=fact)


def _is_no_such_token(kept: KeptAnswer) -> bool:
    """Whether an answer reports an unknown token. Only the body of an error is read."""
    is_error = kept.status >= HTTPStatus.BAD_REQUEST
    return is_error and reply_of(kept).error_code in _NO_SUCH_TOKEN
