"""What Adyen's answer to a charge says about the token: that Adyen does not know it any more.

Where the token webhook was lost, this answer is the first to say so. Every charge is asked through
this provider: a renewal's or the shop's own, the first time or again. The token is recorded before
the answer is kept: after a crash between the two the same question is asked again, and nothing is
lost.
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

#: Contract not found; PaymentDetail not found. Which of them when is a guess, see docs/adyen.md.
_NO_SUCH_TOKEN: Final = frozenset({"800", "803"})


@dataclass(frozen=True, slots=True)
class TokenRecordingProvider:
    """A provider that records it where an answer says that a token is gone.

    Attributes:
        provider: Who is asked.
        tokens: Where it is recorded.
        clock: What time it is.
    """

    provider: Provider
    tokens: TokenBook
    clock: Clock

    async def ask(self, question: Question) -> CallResult:
        """Ask; where the provider does not know the token any more, record that."""
        heard = await self.provider.ask(question)
        if question.kind is Kind.PAYMENTS and heard.answer and _is_no_such_token(heard.answer):
            token = await charged_token(question, self.tokens)
            if token is not None:
                await self.tokens.record([self._not_listed(question, token)])
        return heard

    def _not_listed(self, question: Question, token: Token) -> TokenReport:
        """The fact of a list that lacks the token: a list that shows it later restores it."""
        fact = TokenFact(
            f"answered:{question.key}", TokenSays.NOT_LISTED, BY_ANSWER, self.clock.now()
        )
        return TokenReport(name=token.name, method="", fact=fact)


def _is_no_such_token(kept: KeptAnswer) -> bool:
    """Whether an answer says so. Nearly every answer is no error, and is not read here."""
    is_error = kept.status >= HTTPStatus.BAD_REQUEST
    return is_error and reply_of(kept).error_code in _NO_SUCH_TOKEN
