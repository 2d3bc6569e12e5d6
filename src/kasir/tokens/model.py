"""A token: the facts known about it, and their summary.

There is one token per merchant account, shopper and stored payment method, even if many messages
name the same token. Like a payment's summary, a token's summary is a function of the set of its
facts.

A token is active until it is disabled by the shop, by the shopper, or at the provider. The outcome
of the payment that made the token does not matter. If that payment failed or was refunded, the
token stays active, and the shop gets the payment's events. The shop decides whether to disable the
token.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

#: The source of a fact: a request of the shop, through Kasir.
BY_SHOP: Final = "the shop"
#: The source of a fact: the provider's answer to a charge of the token.
BY_ANSWER: Final = "the provider's answer"
#: The source of a fact: a token webhook, whose signature covers the whole message.
BY_WEBHOOK: Final = "token webhook"
#: The source of a fact: the provider's list of the shopper's tokens.
BY_LIST: Final = "Adyen's list"
#: Sources that are authentic as a whole. Other messages have the token in a part that is not
#: signed.
_SURE: Final = frozenset({BY_WEBHOOK, BY_LIST})


class TokenSays(StrEnum):
    """The meaning of a fact about a token."""

    #: The token was created.
    CREATED = "created"
    #: The shopper saved the same wallet again.
    ALREADY_EXISTING = "already_existing"
    #: The token changed and can still be charged.
    UPDATED = "updated"
    #: The provider's list has the token.
    LISTED = "listed"
    #: The token can no longer be charged.
    DISABLED = "disabled"
    #: The provider no longer has the token, by its list or by its answer to a charge.
    NOT_LISTED = "not_listed"


class TokenState(StrEnum):
    """Whether a token can be charged."""

    #: The token can be charged.
    ACTIVE = "active"
    #: The token cannot be charged until the shopper saves the wallet again.
    DISABLED = "disabled"


#: Meanings of facts from the provider's list. All other facts are from messages.
_FROM_LIST: frozenset[TokenSays] = frozenset({TokenSays.LISTED, TokenSays.NOT_LISTED})
#: Meanings of facts by which a token ends.
_ENDS: frozenset[TokenSays] = frozenset({TokenSays.DISABLED, TokenSays.NOT_LISTED})


@dataclass(frozen=True, slots=True)
class TokenFact:
    """One thing known about a token.

    Attributes:
        key: The fact's id within its token. Two facts with the same `key` are the same fact.
        says: The fact's meaning.
        source: The fact's source, as a text for the operator.
        at: The time of the reported event.
        psp_reference: The pspReference of the payment that caused the fact; may be empty.
    """

    key: str
    says: TokenSays
    source: str
    at: datetime
    psp_reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenName:
    """The ids that identify a token: merchant account, shopper and the provider's id."""

    merchant_account: str
    shopper_reference: str
    stored_id: str

    def __repr__(self) -> str:
        """Show only a part of `stored_id`, because the whole id suffices to charge the wallet."""
        return f"TokenName({self.shopper_reference!r}, {shortened(self.stored_id)!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenReport:
    """A fact to record, with the ids and the wallet of its token."""

    name: TokenName
    method: str
    fact: TokenFact


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSummary:
    """The part of a token that is computed from its facts."""

    state: TokenState
    first_psp_reference: str
    created_at: datetime
    #: Whether an authentic source has named the token since it was last disabled. A token that is
    #: not sure is checked at the provider before it is charged.
    is_sure: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token.

    Attributes:
        id: Kasir's id of the token, safe to show.
        name: The ids that identify the token at the provider; not safe to show.
        method: The provider's name of the wallet.
        summary: The summary of the token's facts.
        model: The recurring processing model for which the token was created (`Subscription`,
            `CardOnFile`); empty if the payment that created the token is not Kasir's.
    """

    id: str
    name: TokenName
    method: str
    summary: TokenSummary
    model: str = ""

    @property
    def is_active(self) -> bool:
        """Whether the token can be charged."""
        return self.summary.state is TokenState.ACTIVE


def fold(facts: Iterable[TokenFact]) -> TokenSummary:
    """The summary of these facts. The same set of facts gives the same summary, in any order.

    The latest fact decides; see `_state`. If two facts have the same time, the fact that disables
    the token decides, because charging a disabled token is worse than asking the shopper again.
    """
    known = frozenset(facts)
    made = [fact for fact in known if fact.says not in _ENDS and fact.psp_reference]
    first = min(made, key=lambda fact: (fact.at, fact.key), default=None)
    return TokenSummary(
        state=_state(known),
        first_psp_reference=first.psp_reference if first else "",
        created_at=min(fact.at for fact in known),
        is_sure=_is_sure(known),
    )


def _state(known: frozenset[TokenFact]) -> TokenState:
    """The state by messages, and by the provider's list if the list is newer than the last message.

    Only a message that the wallet was saved makes a disabled token active again. A list may be
    older than a removal, and an update only shows that the token existed before.
    """
    messages = [fact for fact in known if fact.says not in _FROM_LIST]
    deciding = [fact for fact in messages if fact.says is not TokenSays.UPDATED]
    last_deciding = max(deciding, key=_order, default=None)
    if last_deciding and last_deciding.says is TokenSays.DISABLED:
        return TokenState.DISABLED
    last_message = max(messages, key=_order, default=None)
    listings = [
        fact
        for fact in known
        if fact.says in _FROM_LIST and (not last_message or fact.at >= last_message.at)
    ]
    last_listing = max(listings, key=_order, default=None)
    gone = last_listing is not None and last_listing.says is TokenSays.NOT_LISTED
    return TokenState.DISABLED if gone else TokenState.ACTIVE


def _is_sure(known: frozenset[TokenFact]) -> bool:
    """See `TokenSummary.is_sure`."""
    ended_at = max((fact.at for fact in known if fact.says in _ENDS), default=None)
    return any(
        fact.source in _SURE and fact.says not in _ENDS and (ended_at is None or fact.at > ended_at)
        for fact in known
    )


def _order(fact: TokenFact) -> tuple[datetime, bool, str]:
    """Sorts facts by time; if the times are the same, a fact that ends the token is later."""
    return fact.at, fact.says in _ENDS, fact.key


def not_before(fact: TokenFact, known: Iterable[TokenFact]) -> TokenFact:
    """The fact; if its time is by Kasir's clock, the time is moved so that no known fact is later.

    Other facts have times by the provider's clock, which may be ahead of Kasir's clock. Without
    this change, a token that is removed just after its creation could seem to be created after its
    removal.
    """
    if fact.source not in {BY_SHOP, BY_ANSWER}:
        return fact
    latest = max((other.at for other in known), default=fact.at)
    return replace(fact, at=max(fact.at, latest))


def shortened(stored_id: str) -> str:
    """A part of the provider's id of a token: enough to recognise the token, not to charge it."""
    return f"{stored_id[:2]}…{stored_id[-2:]}" if len(stored_id) > _SHORT else "…"


#: `shortened` shows nothing of an id of at most this many characters.
_SHORT = 8
