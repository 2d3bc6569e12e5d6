"""Which token a call to Adyen charges, and where Kasir's own tokens are found by that name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from kasir.adyen.texts import read_strict
from kasir.gateway.methods import stored_id_of
from kasir.payments.question import Kind, Question
from kasir.tokens.model import Token, TokenName, TokenReport


class TokensKnown(Protocol):
    """Where tokens are found: the ledger, above this package."""

    async def stored_as(self, stored_id: str) -> Sequence[Token]:
        """Give the tokens that the provider calls by this name, of any shopper."""
        ...


class TokenBook(TokensKnown, Protocol):
    """Where tokens are found, and facts about them recorded."""

    async def record(self, news: Sequence[TokenReport]) -> None:
        """Record facts about tokens."""
        ...


async def charged_token(question: Question, tokens: TokensKnown) -> Token | None:
    """The token that a question charges; None where it charges none, or none that Kasir knows."""
    name = _charged_name(question)
    if name is None:
        return None
    known = await tokens.stored_as(name.stored_id)
    return next((token for token in known if token.name == name), None)


def _charged_name(question: Question) -> TokenName | None:
    if question.kind is not Kind.PAYMENTS:
        return None
    fields: Mapping[str, Any] = (
        read_strict(question.body) if question.fields is None else question.fields
    )
    stored_id = stored_id_of(fields)
    if stored_id is None:
        return None
    return TokenName(
        merchant_account=str(fields.get("merchantAccount")),
        shopper_reference=str(fields.get("shopperReference")),
        stored_id=stored_id,
    )
