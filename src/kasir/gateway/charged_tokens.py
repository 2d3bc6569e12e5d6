"""Finds the recorded token that a call to Adyen charges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from kasir.adyen.texts import read_strict
from kasir.gateway.methods import stored_id_of
from kasir.payments.question import Kind, Question
from kasir.tokens.model import Token, TokenName, TokenReport


class TokensKnown(Protocol):
    """Finds recorded tokens. The package `ledger` implements it."""

    async def stored_as(self, stored_id: str) -> Sequence[Token]:
        """Return the tokens with this `storedPaymentMethodId`, of any shopper."""
        ...


class TokenBook(TokensKnown, Protocol):
    """Finds tokens, and records facts about them."""

    async def record(self, reports: Sequence[TokenReport]) -> None:
        """Record facts about tokens."""
        ...


async def charged_token(question: Question, tokens: TokensKnown) -> Token | None:
    """The token that a call charges; None if the call charges no token, or an unknown token."""
    name = _charged_name(question)
    if name is None:
        return None
    known = await tokens.stored_as(name.stored_id)
    return next((token for token in known if token.name == name), None)


def _charged_name(question: Question) -> TokenName | None:
    """The ids of the token that a call charges; None if the call charges no token."""
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
