"""Whether a report agrees with itself: each row, and each batch.

For 228 rows of a published file of Adyen's, without exception: (gross times rate) minus fees
is net in each row, and the net amounts of a batch, its payout included, add up to 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final

from kasir.reconciliation.entries import Entry, ReportKind, Role
from kasir.reconciliation.tables import UnreadableReport

_ONE: Final = Decimal(1)
_HALF: Final = Decimal("0.5")
#: The most batches of one file; a yearly file of a daily payout has 366.
_BATCHES_MAX: Final = 20_000
#: The roles of payment accounting rows whose net amount is checked.
_WITH_NET: Final = frozenset({Role.SETTLED})


def row_fault(entry: Entry) -> str:
    """What does not add up in a row; empty where it does, or where it cannot be known."""
    is_settlement = entry.kind is ReportKind.SETTLEMENT
    if entry.rate is None or not (is_settlement or entry.role in _WITH_NET):
        return ""
    if not (entry.psp_reference or entry.gross_currency):
        return ""  # A fee or a payout, which may have a net amount alone.
    expected = entry.gross * entry.rate - entry.fees
    if abs(expected - entry.net) <= _rounding(entry):
        return ""
    return (
        f"{entry.gross} {entry.gross_currency} times {entry.rate}, less fees of {entry.fees}, is "
        f"{expected}, and the net amount is {entry.net} {entry.net_currency}"
    )


def _rounding(entry: Entry) -> Decimal:
    """The most that the printed figures may differ: 0 unless the row exchanges currencies.

    An exchanged amount is rounded to the last printed digit of the net amount, and the rate to its
    own last digit.
    """
    if entry.rate is None or entry.rate == _ONE:
        return Decimal(0)
    return _HALF * _last_digit(entry.net) + abs(entry.gross) * _HALF * _last_digit(entry.rate)


def _last_digit(number: Decimal) -> Decimal:
    exponent = number.as_tuple().exponent
    return _ONE.scaleb(exponent) if isinstance(exponent, int) else _ONE


@dataclass(slots=True)
class Batch:
    """The sums of a batch in one settlement currency.

    Attributes:
        name: The number of the batch.
        currency: The settlement currency.
        net: The sum of all net amounts; 0 if the batch adds up.
        paid_out: What was paid out, in major units.
        paid_out_at: The time of the last payout in the batch.
        rows: The number of rows.
    """

    name: str
    currency: str
    net: Decimal = field(default=Decimal(0))
    paid_out: Decimal = field(default=Decimal(0))
    paid_out_at: datetime | None = None
    rows: int = 0

    @property
    def is_balanced(self) -> bool:
        """Whether the batch adds up."""
        return self.net == 0


class Batches:
    """The batches of a file of settlement details."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, str], Batch] = {}

    def add(self, entries: Iterable[Entry]) -> None:
        """Add rows.

        Raises:
            UnreadableReport: The file has too many batches.
        """
        for entry in entries:
            if not entry.net and not entry.net_currency:
                continue
            key = entry.batch, entry.net_currency
            batch = self._sums.setdefault(key, Batch(*key))
            batch.net += entry.net
            batch.rows += 1
            if entry.role is Role.PAID_OUT:
                batch.paid_out -= entry.net
                batch.paid_out_at = entry.at or batch.paid_out_at
        if len(self._sums) > _BATCHES_MAX:
            raise UnreadableReport(f"it has more than {_BATCHES_MAX} batches")

    @property
    def all(self) -> Mapping[tuple[str, str], Batch]:
        """The batches by number and currency."""
        return self._sums
