"""Decides which payments a batch of messages belongs to, under row locks.

Every payment that a message may belong to is locked before its facts are read. So if two messages
are read at the same time, the second message sees the pspReferences that the first message claimed.
The rule is in `payments.matching`; this module applies that rule to one message after the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from kasir.ids import PaymentId
from kasir.ledger.payments import Ledger, LockedPayment
from kasir.payments.facts import Fact, Says
from kasir.payments.matching import Candidate, Clues, Match, Ruling, match
from kasir.payments.question import CallResult
from kasir.payments.status import FINAL, status
from kasir.store import payments
from kasir.store.database import Connection
from kasir.store.payments import names_in

#: A message without Kasir's id is compared with this many of the newest payments of its merchant
#: reference. If there are more, a match by merchant reference alone is held for a person to decide,
#: because the message may belong to an older payment.
_OF_REFERENCE_MAX: Final = 100
_TOO_MANY: Final = (
    f"its reference has more than {_OF_REFERENCE_MAX} payments, so it may belong to any of them"
)
#: A held message is recorded for the newest payments that it may belong to, at most this many. One
#: payment records at most this many held messages. The notice itself is always stored.
_ATTENTION_MAX: Final = 10


@dataclass(slots=True)
class Attribution:
    """Decides on one message after the other, and collects the facts to record.

    Attributes:
        locked: The payments that the messages may belong to.
        owners: The payment that owns each pspReference.
        facts: The facts to record, by payment.
        claimed: The pspReferences that payments claimed by the messages so far.
    """

    locked: Mapping[PaymentId, LockedPayment]
    owners: dict[str, PaymentId]
    facts: dict[PaymentId, list[Fact]] = field(default_factory=dict)
    claimed: set[str] = field(default_factory=set)
    _by_reference: dict[str, list[PaymentId]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Index the payments by their merchant reference."""
        for payment_id, found in self.locked.items():
            reference = found.payment.intent.reference
            self._by_reference.setdefault(reference, []).append(payment_id)

    def attribute(self, clues: Clues, fact: Fact) -> Match:
        """Decide which payment a message belongs to, and add the message's fact to that payment.

        The fact of a held message is added to each payment that the message may belong to.
        """
        matched = self._match(clues)
        if matched.payment_id:
            self._add(matched.payment_id, _fact_of(matched, fact))
            return matched
        for payment_id in sorted(matched.fits, reverse=True)[:_ATTENTION_MAX]:
            held = [each for each in self._facts(payment_id) if each.says is Says.NEEDS_ATTENTION]
            if len(held) < _ATTENTION_MAX:
                self.facts.setdefault(payment_id, []).append(_attention(matched, clues, fact))
        return matched

    def attribute_answer(self, result: CallResult) -> PaymentId | None:
        """Decide which payment an answer to Kasir's call belongs to, and add its facts to it.

        A call to `/payments/details` may have a redirectResult of any payment. If nothing proves
        which payment the answer belongs to, no fact is added, because a notification will follow.

        Returns:
            The payment's id; None if the payment is not known.
        """
        clues = result.clues
        if clues is None or not (clues.payment_id or self._match(clues).payment_id):
            return None
        return [self.attribute(clues, fact).payment_id for fact in result.facts][-1]

    def _match(self, clues: Clues) -> Match:
        proven = {self.owners[name] for name in clues.names if name in self.owners}
        proven |= {PaymentId(clues.payment_id)} & self.locked.keys()
        with_reference = self._by_reference.get(clues.reference, ())
        candidates = [self._candidate(each) for each in sorted(proven | set(with_reference))]
        matched = match(clues, self.owners, candidates)
        if matched.payment_id and not proven and len(with_reference) > _OF_REFERENCE_MAX:
            return Match(ruling=Ruling.HELD, fits=(matched.payment_id,), why=_TOO_MANY)
        return matched

    def _add(self, payment_id: PaymentId, fact: Fact) -> None:
        """Add a fact to a payment, which then owns the pspReferences in the fact."""
        if self.owners.get(fact.modification, payment_id) != payment_id:
            # A cancel by reference may change several payments. Only the first one owns the
            # pspReference of the cancel.
            fact = replace(fact, modification="")
        self.facts.setdefault(payment_id, []).append(fact)
        names = names_in([fact])
        self.owners |= dict.fromkeys(names, payment_id)
        self.claimed |= names

    def _facts(self, payment_id: PaymentId) -> list[Fact]:
        """The recorded facts of a payment, and the facts that were added to it here."""
        return [*self.locked[payment_id].payment.facts, *self.facts.get(payment_id, ())]

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


async def lock_candidates(
    connection: Connection, ledger: Ledger, clues: Sequence[Clues]
) -> Attribution:
    """Lock every payment that these messages may belong to."""
    # Pairs of a payment's id and the pspReference by which the payment was found, if any.
    found = await payments.candidates(
        connection,
        names=sorted({name for each in clues for name in each.names}),
        ids=sorted({each.payment_id for each in clues if each.payment_id}),
        references=sorted({each.reference for each in clues if not each.payment_id}),
        most=_OF_REFERENCE_MAX + 1,
    )
    locked = await ledger.lock(connection, sorted({payment_id for payment_id, _ in found}))
    return Attribution(locked, {name: payment_id for payment_id, name in found if name})


def _fact_of(matched: Match, fact: Fact) -> Fact:
    """The fact that a payment records of a message that belongs to it."""
    if matched.ruling is Ruling.OURS:
        return fact
    key = f"amount_mismatch:{fact.key}:{fact.amount}"
    return replace(fact, key=key, says=Says.AMOUNT_MISMATCH, words=matched.why)


def _attention(matched: Match, clues: Clues, fact: Fact) -> Fact:
    """The fact that a payment records of a message that may belong to it.

    The fact has no pspReference, so the payment claims none.
    """
    return replace(
        fact,
        key=f"needs_attention:{fact.key}",
        says=Says.NEEDS_ATTENTION,
        psp_reference="",
        modification="",
        words=f"{' '.join(clues.names)} ({fact.says}): {matched.why}",
    )
