"""Checks a token against Adyen's list before a charge, if the token is known from unsigned data.

AUTHORISATION has a token and its shopper in the additional data, which the HMAC signature does not
cover. A token is *sure* once an authentic source, such as Adyen's list, has named the token. Every
try of every charge, by the shop, by Kasir's Python library or by a renewal, is sent through this
provider.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from kasir.adyen import replies
from kasir.clock import Clock
from kasir.gateway import meanings
from kasir.gateway.charged_tokens import TokensKnown, charged_token
from kasir.payments.flow import Provider
from kasir.payments.question import CallResult, Question
from kasir.tokens.model import Token

#: Kasir's own answer to the charge of a token that is not on the list.
_NOT_LISTED: Final = replies.error(
    422,
    "803",
    "PaymentDetail not found: a notification named it and Adyen does not list it for this shopper, "
    "so it was not charged.",
)

_log = structlog.get_logger("kasir.tokens")


class TokenList(Protocol):
    """Reads the provider's list of a shopper's tokens. `kasir.requests` implements it."""

    async def reconcile(self, shopper_reference: str) -> object | None:
        """Record the differences from the list; None if the provider did not answer."""
        ...


@dataclass(frozen=True, slots=True)
class TokenCheckingProvider:
    """A provider that charges a token only if the token is sure.

    Attributes:
        provider: The provider that sends the question.
        tokens: Finds tokens.
        listed: Reads the provider's list.
        clock: The time of the recorded facts.
        wait_s: How many seconds reading the list may take: so few that the charge after it also
            ends within the question's lease.
    """

    provider: Provider
    tokens: TokensKnown
    listed: TokenList
    clock: Clock
    wait_s: float

    async def ask(self, question: Question) -> CallResult:
        """Send a question if its token is sure, and return the result.

        If the token is not sure, Adyen's list is read first. If the list lacks the token, nothing
        is sent and the result is a refusal. If Adyen does not return the list, nothing is sent and
        the question is sent later.
        """
        unsure = await self._unsure(question)
        if unsure is None:
            return await self.provider.ask(question)
        if not await self._read_list(unsure.name.shopper_reference):
            _log.warning("a token could not be checked", token=unsure.id)
            why = "not sent: Adyen did not show its list of tokens"
            return meanings.unanswered(question, self.clock.now(), why)
        if await self._unsure(question) is None:
            return await self.provider.ask(question)
        _log.warning("a token is not on Adyen's list", token=unsure.id)
        if question.was_sent_before:
            # An earlier try may have been sent while the token was sure, so the outcome is unknown.
            why = "not sent again: Adyen does not list the token"
            return meanings.unanswered(question, self.clock.now(), why)
        return meanings.of_reply(question, _NOT_LISTED, self.clock.now())

    async def _read_list(self, shopper: str) -> bool:
        """Read Adyen's list of the shopper's tokens; False if it did not arrive in time."""
        try:
            async with asyncio.timeout(self.wait_s):
                return await self.listed.reconcile(shopper) is not None
        except TimeoutError:
            return False

    async def _unsure(self, question: Question) -> Token | None:
        """The token that the question charges, if the token is known and not sure."""
        token = await charged_token(question, self.tokens)
        return None if token is None or token.summary.is_sure else token
