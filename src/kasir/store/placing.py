"""Finds whose messages are, under row locks, in the caller's transaction.

Every payment that a message could be about is locked before its facts are read, so of two messages
that are read at once the second sees what the first one claimed. `payments.matching` rules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from kasir.ids import PaymentId
from kasir.payments.facts import Fact, Says
from kasir.payments.matching import Candidate, Clues, Match, Ruling, match
from kasir.payments.ports import Heard
from kasir.payments.status import FINAL
from kasir.store.database import Connection
from kasir.store.ledger import SQL, Ledger, Locked

#: The newest payments of one reference that a message without our id is held against.
_OF_REFERENCE_MAX: Final = 100


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
    claimed: dict[str, PaymentId] = field(default_factory=dict)
    _by_reference: dict[str, list[PaymentId]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Index the payments by their reference."""
        for payment_id, found in self.locked.items():
            reference = found.payment.intent.reference
            self._by_reference.setdefault(reference, []).append(payment_id)

    def place(self, clues: Clues, fact: Fact) -> Match:
        """Rule on a message, and let the payment it belongs to, or may belong to, learn of it."""
        ruled = self._rule(clues)
        for payment_id, learnt in _learnt(ruled, clues, fact):
            self.news.setdefault(payment_id, []).append(learnt)
        if ruled.payment_id:
            names = dict.fromkeys(clues.names, ruled.payment_id)
            self.owners |= names
            self.claimed |= names
        return ruled

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
        about |= set(self._by_reference.get(clues.reference, ()))
        return match(clues, self.owners, [self._candidate(one) for one in sorted(about)])

    def _candidate(self, payment_id: PaymentId) -> Candidate:
        payment = self.locked[payment_id].payment
        facts = [*payment.facts, *self.news.get(payment_id, ())]
        return Candidate(
            id=payment_id,
            reference=payment.intent.reference,
            amount=payment.intent.amount,
            method=payment.intent.method,
            is_open=payment.status not in FINAL,
            has_attempt=any(fact.psp_reference for fact in facts),
        )


async def placing(connection: Connection, ledger: Ledger, every: Sequence[Clues]) -> Placing:
    """Lock all that these messages could be about."""
    rows = SQL.candidates(
        connection,
        names=sorted({name for clues in every for name in clues.names}),
        ids=sorted({clues.payment_id for clues in every if clues.payment_id}),
        references_=sorted({clues.reference for clues in every if not clues.payment_id}),
        most=_OF_REFERENCE_MAX,
    )
    found = [(PaymentId(row["id"]), row["name"]) async for row in rows]
    locked = await ledger.lock(connection, sorted({payment_id for payment_id, _ in found}))
    return Placing(locked, {name: payment_id for payment_id, name in found if name})


def _learnt(ruled: Match, clues: Clues, fact: Fact) -> list[tuple[PaymentId, Fact]]:
    """What payments learn of a message. Where it is nobody's for sure, it names no attempt."""
    if ruled.payment_id and ruled.ruling is Ruling.OURS:
        return [(ruled.payment_id, fact)]
    if ruled.payment_id:
        key = f"amount_mismatch:{fact.key}:{fact.amount}"
        mismatch = replace(fact, key=key, says=Says.AMOUNT_MISMATCH, words=ruled.why)
        return [(ruled.payment_id, mismatch)]
    attention = replace(
        fact,
        key=f"needs_attention:{fact.key}",
        says=Says.NEEDS_ATTENTION,
        psp_reference="",
        modification="",
        words=f"{' '.join(clues.names)} ({fact.says}): {ruled.why}",
    )
    return [(payment_id, attention) for payment_id in ruled.fits]
