"""The movements of the payment accounting: what each record adds to which register.

Source: Adyen's page on the payment accounting report, for the records of a payment and of a
chargeback. GUESS: the movements of refunds and of failures.
"""

from __future__ import annotations

from typing import Final

from adyen_twin.core.books import Record

#: The registers in the currency of the payment.
REGISTERS: Final = ("Received", "Authorised", "Captured")

#: A record -> the sign of the payment's amount in each register, in the order of REGISTERS.
SIGNS: Final[dict[Record, tuple[int, int, int]]] = {
    Record.RECEIVED: (1, 0, 0),
    Record.AUTHORISED: (-1, 1, 0),
    Record.REFUSED: (-1, 0, 0),
    Record.CANCELLED: (0, -1, 0),
    Record.EXPIRED: (0, -1, 0),
    Record.SENT_FOR_SETTLE: (0, -1, 1),
    Record.CAPTURE_FAILED: (0, 0, -1),
    Record.SETTLED: (0, 0, -1),
    Record.SETTLED_REVERSED: (0, 0, 0),
    Record.SENT_FOR_REFUND: (0, 0, -1),
    Record.REFUND_FAILED: (0, 0, 1),
    Record.REFUNDED: (0, 0, 1),
    Record.REFUNDED_REVERSED: (0, 0, 0),
    Record.CHARGEBACK: (0, 0, 0),
    Record.CHARGEBACK_REVERSED: (0, 0, 0),
    Record.SECOND_CHARGEBACK: (0, 0, 0),
}


def movements(record: Record, value: int) -> tuple[int, ...]:
    """Return what a record of this value adds to each register, in the order of REGISTERS."""
    return tuple(sign * value for sign in SIGNS[record])
