"""What Adyen's answer to a charge says of the token: that it knows none such any more.

The answer is the first to tell where the webhook was lost. It is heard of every charge, a renewal's
or the shop's own, asked at once or asked again, since every answer comes by here; and before the
answer is kept, so that a crash between the two loses nothing: the same question is asked again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Protocol

import msgspec

from kasir.adyen.replies import Answer
from kasir.clock import Clock
from kasir.gateway.methods import stored_id_of
from kasir.payments.flow import Provider
from kasir.payments.question import Heard, Kept, Kind, Question
from kasir.tokens.model import BY_ANSWER, Token, TokenFact, TokenNews, TokenSays

#: Contract not found; PaymentDetail not found. Which of them when is a guess, see docs/adyen.md.
_NO_SUCH_TOKEN: Final = frozenset({"800", "803"})


class TokenBook(Protocol):
    """Where tokens are kept."""

    async def stored_as(self, stored_id: str) -> Sequence[Token]:
        """Give the tokens of this name, whosever they are."""
        ...

    async def hear(self, news: Sequence[TokenNews]) -> None:
        """Let tokens hear facts."""
        ...


@dataclass(frozen=True, slots=True)
class TokensHear:
    """A provider whose answers the tokens hear too.

    Attributes:
        provider: Who is asked.
        tokens: Who hears.
        clock: What time it is.
    """

    provider: Provider
    tokens: TokenBook
    clock: Clock

    async def ask(self, question: Question) -> Heard:
        """Ask; where the provider knows the token no more, so does Kasir from now on."""
        heard = await self.provider.ask(question)
        if question.kind is Kind.PAYMENTS and heard.answer and _is_no_such_token(heard.answer):
            fields: dict[str, Any] = msgspec.json.decode(question.body)
            known = await self.tokens.stored_as(stored_id_of(fields) or "")
            news = list(self._gone(question, fields, known))
            if news:
                await self.tokens.hear(news)
        return heard

    def _gone(
        self, question: Question, fields: Mapping[str, Any], known: Sequence[Token]
    ) -> Iterator[TokenNews]:
        """What the charged token hears, where Kasir knows it.

        As of a list that lacks it: one that shows it later brings it back.
        """
        whose = fields.get("merchantAccount"), fields.get("shopperReference")
        for token in known:
            if (token.name.merchant_account, token.name.shopper_reference) == whose:
                says, now = TokenSays.NOT_LISTED, self.clock.now()
                fact = TokenFact(f"answered:{question.key}", says, BY_ANSWER, now)
                yield TokenNews(name=token.name, method="", fact=fact)


def _is_no_such_token(kept: Kept) -> bool:
    """Whether an answer says so. Nearly every answer is no error, and is not read here."""
    is_error = kept.status >= HTTPStatus.BAD_REQUEST
    return is_error and Answer(kept.status, kept.body).error_code in _NO_SUCH_TOKEN
