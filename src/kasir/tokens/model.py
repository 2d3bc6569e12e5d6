"""A token: what was learnt of it, and what that comes to.

One token per merchant account, shopper and stored payment method, whatever told of it and however
often. What it comes to is a function of the set of facts, as with payments.

A token lives until it is disabled, by the shop, by the shopper, or at the provider. What becomes of
the payment that made it does not matter: a first payment that failed or was refunded leaves the
token as it is, and the shop is told of the token all the same; to give it up is the shop's choice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

#: The source of what the shop itself did to a token, through Kasir.
BY_SHOP: Final = "the shop"
#: The source of what the provider answered when the token was charged.
BY_ANSWER: Final = "the provider's answer"
#: The source of what was told of tokens and sealed whole.
BY_WEBHOOK: Final = "token webhook"
#: The source of what the provider's list showed.
BY_LIST: Final = "Adyen's list"
#: What these tell cannot have been altered on its way. Elsewhere a token is named beside the seal.
_SURE: Final = frozenset({BY_WEBHOOK, BY_LIST})


class TokenSays(StrEnum):
    """What a fact says of a token."""

    #: It was made.
    CREATED = "created"
    #: The shopper saved the same wallet again.
    ALREADY_EXISTING = "already_existing"
    #: Something of it changed; it still holds.
    UPDATED = "updated"
    #: The provider's list has it.
    LISTED = "listed"
    #: It may be charged no more.
    DISABLED = "disabled"
    #: The provider no longer has it: its list lacks it, or a charge was answered so.
    NOT_LISTED = "not_listed"


class TokenState(StrEnum):
    """Whether a token may be charged."""

    #: It may.
    ACTIVE = "active"
    #: It may not, and never will again unless the shopper saves the wallet anew.
    DISABLED = "disabled"


#: What the provider's list showed, as against what was told.
_LOOKS: frozenset[TokenSays] = frozenset({TokenSays.LISTED, TokenSays.NOT_LISTED})
_ENDS: frozenset[TokenSays] = frozenset({TokenSays.DISABLED, TokenSays.NOT_LISTED})


@dataclass(frozen=True, slots=True)
class TokenFact:
    """One thing learnt of a token.

    Attributes:
        key: Names this fact within its token; the same key is the same fact.
        says: What it means.
        source: Where it was learnt, in a word for the operator.
        at: When it happened.
        psp_reference: The payment it came of, at the provider; may be empty.
    """

    key: str
    says: TokenSays
    source: str
    at: datetime
    psp_reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenName:
    """What makes a token itself: whose it is and what the provider calls it."""

    merchant_account: str
    shopper_reference: str
    stored_id: str

    def __repr__(self) -> str:
        """Show no more of it than tells it from another: a token is as good as a card."""
        return f"TokenName({self.shopper_reference!r}, {shortened(self.stored_id)!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenNews:
    """A fact with the token it is about, on its way to being kept."""

    name: TokenName
    method: str
    fact: TokenFact


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSummary:
    """What a token's facts come to."""

    state: TokenState
    first_psp_reference: str
    created_at: datetime
    #: Whether something that cannot have been altered told of it, since it was last gone. What is
    #: not sure is looked up at the provider before it is charged.
    is_sure: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token as it stands.

    Attributes:
        id: Kasir's own name for it, safe to show.
        name: Whose it is, and the provider's name for it; not safe to show.
        method: The wallet, in the provider's word.
        standing: What its facts come to.
        model: What it was made for (`Subscription`, `CardOnFile`); empty where the payment that
            made it is not Kasir's.
    """

    id: str
    name: TokenName
    method: str
    standing: TokenSummary
    model: str = ""

    @property
    def is_active(self) -> bool:
        """Whether it may be charged."""
        return self.standing.state is TokenState.ACTIVE


def fold(facts: Iterable[TokenFact]) -> TokenSummary:
    """What these facts come to. The same set gives the same answer, in any order.

    What happened last decides; where two happened at once, an end does, because charging a token
    that is gone is worse than asking the shopper once more.
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
    """What was told decides; what the list showed, only where it is newer than that.

    Only a making brings back what was told to be disabled: a list may lag behind a removal, and a
    change of something says that it was there, not that it is there again.
    """
    told = [fact for fact in known if fact.says not in _LOOKS]
    decided = [fact for fact in told if fact.says is not TokenSays.UPDATED]
    last_decided = max(decided, key=_order, default=None)
    if last_decided and last_decided.says is TokenSays.DISABLED:
        return TokenState.DISABLED
    last_told = max(told, key=_order, default=None)
    seen = [
        fact for fact in known if fact.says in _LOOKS and (not last_told or fact.at >= last_told.at)
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
    """A fact of our own doing or asking, put after all that was known when it was done.

    Its time is our clock's and that of the others is the provider's, which may be ahead of ours:
    then a token removed just after it was told of would look made after its removal.
    """
    if fact.source not in {BY_SHOP, BY_ANSWER}:
        return fact
    latest = max((other.at for other in known), default=fact.at)
    return replace(fact, at=max(fact.at, latest))


def shortened(stored_id: str) -> str:
    """Enough of a token to recognise it, and not enough to use it."""
    return f"{stored_id[:2]}…{stored_id[-2:]}" if len(stored_id) > _SHORT else "…"


_SHORT = 8
