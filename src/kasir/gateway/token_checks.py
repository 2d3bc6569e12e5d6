"""Before a token is charged that nobody vouches for, Adyen is asked whether it is this shopper's.

A notification's seal does not cover its additional data, where AUTHORISATION names a token and its
shopper. So what is known from there alone is looked up in Adyen's list first; found, it is sure.
Every charge comes by here, the shop's, the library's and a renewal's, asked at once or again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import msgspec
import structlog

from kasir.adyen import replies
from kasir.clock import Clock
from kasir.gateway import meanings
from kasir.gateway.methods import stored_id_of
from kasir.payments.flow import Provider
from kasir.payments.question import Heard, Kind, Question
from kasir.tokens.model import Token

#: As the charge of a token that is gone is answered.
_NOT_LISTED: Final = replies.error(
    422,
    "803",
    "PaymentDetail not found: a notification named it and Adyen does not list it for this shopper, "
    "so it was not charged.",
)

_log = structlog.get_logger("kasir.tokens")


class TokensKnown(Protocol):
    """Where tokens are found by the provider's name for them."""

    async def stored_as(self, stored_id: str) -> Sequence[Token]:
        """Give the tokens of this name, whosever they are."""
        ...


class TokenList(Protocol):
    """Who holds a shopper's tokens against the provider's list."""

    async def reconcile(self, shopper_reference: str) -> object | None:
        """Let the tokens hear what the list shows; None where the provider did not answer."""
        ...


@dataclass(frozen=True, slots=True)
class TokensChecked:
    """A provider that is asked to charge a token only once that is sure.

    Attributes:
        provider: Who is asked.
        tokens: Which tokens are known.
        listed: Who looks them up.
        clock: What time it is.
        wait_s: How long the list may take: it and the charge are asked within one lease.
    """

    provider: Provider
    tokens: TokensKnown
    listed: TokenList
    clock: Clock
    wait_s: float

    async def ask(self, question: Question) -> Heard:
        """Ask. Where the list lacks the token, nothing is sent, and the answer is a refusal.

        Where Adyen does not show its list, nothing is sent either: it is asked again later.
        """
        unsure = await self._unsure(question)
        if unsure is None:
            return await self.provider.ask(question)
        if not await self._looks(unsure.name.shopper_reference):
            _log.warning("a token could not be checked", token=unsure.id)
            why = "not sent: Adyen did not show its list of tokens"
            return meanings.unheard(question, self.clock.now(), why)
        if await self._unsure(question) is None:
            return await self.provider.ask(question)
        _log.warning("a token is not on Adyen's list", token=unsure.id)
        if question.was_sent_before:
            # Of a try before this one nothing is known: it may have been sent while it was sure.
            why = "not sent again: Adyen does not list the token"
            return meanings.unheard(question, self.clock.now(), why)
        return meanings.of_reply(question, _NOT_LISTED, self.clock.now())

    async def _looks(self, shopper: str) -> bool:
        """Look the shopper's tokens up; whether Adyen showed its list in time."""
        try:
            async with asyncio.timeout(self.wait_s):
                return await self.listed.reconcile(shopper) is not None
        except TimeoutError:
            return False

    async def _unsure(self, question: Question) -> Token | None:
        """The token that is to be charged, where it is known and nobody vouches for it."""
        if question.kind is not Kind.PAYMENTS:
            return None
        fields: dict[str, Any] = msgspec.json.decode(question.body)
        stored_id = stored_id_of(fields)
        if stored_id is None:
            return None
        whose = fields.get("merchantAccount"), fields.get("shopperReference")
        for token in await self.tokens.stored_as(stored_id):
            name = token.name
            if (name.merchant_account, name.shopper_reference) == whose:
                return None if token.standing.is_sure else token
        return None
