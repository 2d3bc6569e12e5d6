"""A token known only from unsigned data is looked up in Adyen's list before it is charged.

A notification's HMAC does not cover its additional data, where AUTHORISATION names a token and its
shopper. A token that Adyen's list shows for the shopper is sure from then on. Every charge is asked
through this provider: the shop's, the library's and a renewal's, the first time or again.
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

#: The answer to a charge of a token that is gone.
_NOT_LISTED: Final = replies.error(
    422,
    "803",
    "PaymentDetail not found: a notification named it and Adyen does not list it for this shopper, "
    "so it was not charged.",
)

_log = structlog.get_logger("kasir.tokens")


class TokenList(Protocol):
    """The provider's list of a shopper's tokens: a use case of `requests`, above this package."""

    async def reconcile(self, shopper_reference: str) -> object | None:
        """Record what the list shows; None where the provider did not answer."""
        ...


@dataclass(frozen=True, slots=True)
class TokenCheckingProvider:
    """A provider that is asked to charge a token only once the token is sure.

    Attributes:
        provider: Who is asked.
        tokens: Where tokens are kept.
        listed: Looks up the provider's list.
        clock: What time it is.
        wait_s: How long the list may take: it and the charge are asked within one lease.
    """

    provider: Provider
    tokens: TokensKnown
    listed: TokenList
    clock: Clock
    wait_s: float

    async def ask(self, question: Question) -> CallResult:
        """Ask. Where the list lacks the token, nothing is sent, and the answer is a refusal.

        Where Adyen does not show its list, nothing is sent either: it is asked again later.
        """
        unsure = await self._unsure(question)
        if unsure is None:
            return await self.provider.ask(question)
        if not await self._looks(unsure.name.shopper_reference):
            _log.warning("a token could not be checked", token=unsure.id)
            why = "not sent: Adyen did not show its list of tokens"
            return meanings.unanswered(question, self.clock.now(), why)
        if await self._unsure(question) is None:
            return await self.provider.ask(question)
        _log.warning("a token is not on Adyen's list", token=unsure.id)
        if question.was_sent_before:
            # An earlier try may have been sent while the token was sure: its outcome is unknown.
            why = "not sent again: Adyen does not list the token"
            return meanings.unanswered(question, self.clock.now(), why)
        return meanings.of_reply(question, _NOT_LISTED, self.clock.now())

    async def _looks(self, shopper: str) -> bool:
        """Look up the shopper's tokens; whether Adyen showed its list in time."""
        try:
            async with asyncio.timeout(self.wait_s):
                return await self.listed.reconcile(shopper) is not None
        except TimeoutError:
            return False

    async def _unsure(self, question: Question) -> Token | None:
        """The token that is to be charged, where it is known and not sure."""
        token = await charged_token(question, self.tokens)
        return None if token is None or token.summary.is_sure else token
