"""Finds whose messages are, under row locks, in the caller's transaction.

Every payment that a message could be about is locked before its facts are read, so of two messages
that are read at once the second sees what the first one claimed. `payments.matching` rules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from kasir.ids import PaymentId
from kasir.ledger.payments import SQL, Ledger, Locked, names_in
from kasir.payments.facts import Fact, Says
from kasir.payments.matching import Candidate, Clues, Match, Ruling, match
from kasir.payments.question import Heard
from kasir.payments.status import FINAL, status
from kasir.store.database import Connection

#: The newest payments of one reference that a message without our id is held against. Where there
#: are more, nothing is ruled to be the only one.
_OF_REFERENCE_MAX: Final = 100
_TOO_MANY: Final = f"its reference has more than {_OF_REFERENCE_MAX} payments: any may be meant"
#: The payments that are told of a message that may be theirs, the newest; and of how many messages
#: each is told. Whatever comes, it is held and shown; this bounds what is told of it.
_TOLD_MAX: Final = 10


@dataclass(slots=True)
class Placing:
    """Rules on a batch of messages, one after the other, and collects what payments learn.

    Attributes:
        locked: The payments that the messages could be about.
        owners: Whose the provider's names are.
        news: What each payment learns.
        claimed: The names that were claimed, or said again, by what was ruled so far.
    """

    locked: Mapping[PaymentId, Locked]
    owners: dict[str, PaymentId]
    news: dict[PaymentId, list[Fact]] = field(default_factory=dict)
    claimed: set[str] = field(default_factory=set)
    _by_reference: dict[str, list[PaymentId]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Index the payments by their reference."""
        for payment_id, found in self.locked.items():
            reference = found.payment.intent.reference
            self._by_reference.setdefault(reference, []).append(payment_id)

    def place(self, clues: Clues, fact: Fact) -> Match:
        """Rule on a message, and let the payment it belongs to, or may belong to, learn of it."""
        ruled = self._rule(clues)
        if ruled.payment_id:
            self._learn(ruled.payment_id, _learnt(ruled, fact))
            return ruled
        for payment_id in sorted(ruled.fits, reverse=True)[:_TOLD_MAX]:
            facts = self._facts(payment_id)
            if sum(1 for one in facts if one.says is Says.NEEDS_ATTENTION) < _TOLD_MAX:
                self.news.setdefault(payment_id, []).append(_attention(ruled, clues, fact))
        return ruled

    def _learn(self, payment_id: PaymentId, fact: Fact) -> None:
        """Let a payment learn a fact, and claim the names in it."""
        if self.owners.get(fact.modification, payment_id) != payment_id:
            # A cancel by reference, of several payments: its name is the first one's.
            fact = replace(fact, modification="")
        self.news.setdefault(payment_id, []).append(fact)
        names = names_in([fact])
        self.owners |= dict.fromkeys(names, payment_id)
        self.claimed |= names

    def _facts(self, payment_id: PaymentId) -> list[Fact]:
        """What a payment knows, with what it has learnt here."""
        return [*self.locked[payment_id].payment.facts, *self.news.get(payment_id, ())]

    def place_reply(self, heard: Heard) -> PaymentId | None:
        """Rule on an answer to a call of ours; gives whose it is, where that is known.

        The answer to a shopper's return may be anybody's. Where nothing proves whose it is, it is
        left to the notification that follows.
        """
        clues = heard.clues
        if clues is None or not (clues.payment_id or self._rule(clues).payment_id):
            return None
        return [self.place(clues, fact).payment_id for fact in heard.facts][-1]

    def _rule(self, clues: Clues) -> Match:
        about = {self.owners[name] for name in clues.names if name in self.owners}
        about |= {PaymentId(clues.payment_id)} & self.locked.keys()
        is_proven = bool(about)
        same = self._by_reference.get(clues.reference, ())
        about |= set(same)
        ruled = match(clues, self.owners, [self._candidate(one) for one in sorted(about)])
        if ruled.payment_id and not is_proven and len(same) > _OF_REFERENCE_MAX:
            return Match(ruling=Ruling.HELD, fits=(ruled.payment_id,), why=_TOO_MANY)
        return ruled

    def _candidate(self, payment_id: PaymentId) -> Candidate:
        payment, facts = self.locked[payment_id].payment, self._facts(payment_id)
        return Candidate(
            id=payment_id,
            reference=payment.intent.reference,
            amount=payment.intent.amount,
            method=payment.intent.method,
            is_open=status(facts) not in FINAL,
            has_attempt=any(fact.psp_reference for fact in facts),
        )


async def placing(connection: Connection, ledger: Ledger, every: Sequence[Clues]) -> Placing:
    """Lock all that these messages could be about."""
    rows = SQL.candidates(
        connection,
        names=sorted({name for clues in every for name in clues.names}),
        ids=sorted({clues.payment_id for clues in every if clues.payment_id}),
        references_=sorted({clues.reference for clues in every if not clues.payment_id}),
        most=_OF_REFERENCE_MAX + 1,
    )
    found = [(PaymentId(row["id"]), row["name"]) async for row in rows]
    locked = await ledger.lock(connection, sorted({payment_id for payment_id, _ in found}))
    return Placing(locked, {name: payment_id for payment_id, name in found if name})


def _learnt(ruled: Match, fact: Fact) -> Fact:
    """What a payment learns of a message that is its own."""
    if ruled.ruling is Ruling.OURS:
        return fact
    key = f"amount_mismatch:{fact.key}:{fact.amount}"
    return replace(fact, key=key, says=Says.AMOUNT_MISMATCH, words=ruled.why)


def _attention(ruled: Match, clues: Clues, fact: Fact) -> Fact:
    """What a payment learns of a message that may be its own: it names no attempt."""
    return replace(
        fact,
        key=f"needs_attention:{fact.key}",
        says=Says.NEEDS_ATTENTION,
        psp_reference="",
        modification="",
        words=f"{' '.join(clues.names)} ({fact.says}): {ruled.why}",
    )
