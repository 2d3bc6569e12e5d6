"""A token: the facts known of it, and their summary.

There is one token per merchant account, shopper and stored payment method, however many messages
name it. Its summary is a function of the set of its facts, as with payments.

A token is active until it is disabled, by the shop, by the shopper, or at the provider. The outcome
of the payment that made it does not matter: if that payment failed or was refunded, the token stays
as it is, and the shop gets its events. Whether to disable it is the shop's choice.
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
#: The source of a fact: a token webhook, whose signature covers all of it.
BY_WEBHOOK: Final = "token webhook"
#: The source of a fact: the provider's list of the shopper's tokens.
BY_LIST: Final = "Adyen's list"
#: Sources that nobody can have altered. Other messages name a token outside their signature.
_SURE: Final = frozenset({BY_WEBHOOK, BY_LIST})


class TokenSays(StrEnum):
    """What a fact says of a token."""

    #: It was created.
    CREATED = "created"
    #: The shopper saved the same wallet again.
    ALREADY_EXISTING = "already_existing"
    #: It changed and can still be charged.
    UPDATED = "updated"
    #: The provider's list has it.
    LISTED = "listed"
    #: It can no longer be charged.
    DISABLED = "disabled"
    #: The provider no longer has it, by its list or by its answer to a charge.
    NOT_LISTED = "not_listed"


class TokenState(StrEnum):
    """Whether a token can be charged."""

    #: It can.
    ACTIVE = "active"
    #: It cannot, until the shopper saves the wallet again.
    DISABLED = "disabled"


#: What the provider's list shows, in contrast to what messages say.
_LOOKS: frozenset[TokenSays] = frozenset({TokenSays.LISTED, TokenSays.NOT_LISTED})
_ENDS: frozenset[TokenSays] = frozenset({TokenSays.DISABLED, TokenSays.NOT_LISTED})


@dataclass(frozen=True, slots=True)
class TokenFact:
    """One thing known about a token.

    Attributes:
        key: Names this fact within its token; the same key is the same fact.
        says: What it means.
        source: Where it comes from, in words for the operator.
        at: When it happened.
        psp_reference: The pspReference of the payment that it came from; may be empty.
    """

    key: str
    says: TokenSays
    source: str
    at: datetime
    psp_reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenName:
    """What identifies a token: whose it is, and the provider's name for it."""

    merchant_account: str
    shopper_reference: str
    stored_id: str

    def __repr__(self) -> str:
        """Show only the part that tells it from others: whoever has all of it can charge it."""
        return f"TokenName({self.shopper_reference!r}, {shortened(self.stored_id)!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenReport:
    """A fact to record, with the token that it is about."""

    name: TokenName
    method: str
    fact: TokenFact


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSummary:
    """The part of a token that is computed from its facts."""

    state: TokenState
    first_psp_reference: str
    created_at: datetime
    #: Whether a source that nobody can have altered names it, since it was last disabled. A token
    #: that is not sure is looked up at the provider before it is charged.
    is_sure: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token.

    Attributes:
        id: Kasir's own id of it, safe to show.
        name: Whose it is, and the provider's name for it; not safe to show.
        method: The wallet, in the provider's word.
        summary: The summary of its facts.
        model: What it was made for (`Subscription`, `CardOnFile`); empty where the payment that
            made it is not Kasir's.
    """

    id: str
    name: TokenName
    method: str
    summary: TokenSummary
    model: str = ""

    @property
    def is_active(self) -> bool:
        """Whether it can be charged."""
        return self.summary.state is TokenState.ACTIVE


def fold(facts: Iterable[TokenFact]) -> TokenSummary:
    """The summary of these facts. The same set gives the same summary, in any order.

    The latest fact decides. Of two at the same time the one that disables the token does: to charge
    a token that is disabled is worse than to ask the shopper again.
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
    """Messages decide; the provider's list counts only where it is newer than the last message.

    Only a creation makes a disabled token active again: a list may lag behind a removal, and an
    update says that the token was there, not that it is there again.
    """
    messages = [fact for fact in known if fact.says not in _LOOKS]
    decided = [fact for fact in messages if fact.says is not TokenSays.UPDATED]
    last_decided = max(decided, key=_order, default=None)
    if last_decided and last_decided.says is TokenSays.DISABLED:
        return TokenState.DISABLED
    last_message = max(messages, key=_order, default=None)
    seen = [
        fact
        for fact in known
        if fact.says in _LOOKS and (not last_message or fact.at >= last_message.at)
    ]
    last_seen = max(seen, key=_order, default=None)
    gone = last_seen is not None and last_seen.says is TokenSays.NOT_LISTED
    return TokenState.DISABLED if gone else TokenState.ACTIVE


def _is_sure(known: frozenset[TokenFact]) -> bool:
    ended_at = max((fact.at for fact in known if fact.says in _ENDS), default=None)
    return any(
        fact.source in _SURE and fact.says not in _ENDS and (ended_at is None or fact.at > ended_at)
        for fact in known
    )


def _order(fact: TokenFact) -> tuple[datetime, bool, str]:
    return fact.at, fact.says in _ENDS, fact.key


def not_before(fact: TokenFact, known: Iterable[TokenFact]) -> TokenFact:
    """A fact of our own, dated no earlier than the facts that were known when it was recorded.

    Its time is of our clock, and theirs is of the provider's, which may be ahead: a token that is
    removed just after its creation would otherwise look created after its removal.
    """
    if fact.source not in {BY_SHOP, BY_ANSWER}:
        return fact
    latest = max((other.at for other in known), default=fact.at)
    return replace(fact, at=max(fact.at, latest))


def shortened(stored_id: str) -> str:
    """Enough of a token to recognise it, and not enough to use it."""
    return f"{stored_id[:2]}…{stored_id[-2:]}" if len(stored_id) > _SHORT else "…"


_SHORT = 8
