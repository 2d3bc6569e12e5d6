"""The rows of a settlement batch: gross amounts, fees, net amounts and the payout.

The settlement currency is the rupiah. Each row with a payment follows
(gross credit - gross debit) * exchange rate - fees = net credit - net debit, and the net
amounts of a whole batch add up to 0: what is left is paid out, or carried over if it is a debt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from adyen_twin.core.books import Entry, Record
from adyen_twin.core.report_settings import ReportSettings
from adyen_twin.protocol.limits import CURRENCY, GOPAY

#: Currencies without decimals at Adyen; the others have two (GUESS: for those with three).
WITHOUT_DECIMALS: Final = ("IDR", "JPY", "KRW", "VND")
FEE: Final = "Fee"
PAYOUT: Final = "MerchantPayout"
BALANCE_TRANSFER: Final = "Balancetransfer"
#: The rows that add to the payout; the others with a payment take from it.
CREDITS: Final = (Record.SETTLED, Record.REFUNDED_REVERSED, Record.CHARGEBACK_REVERSED)
BPS: Final = 10_000


@dataclass(frozen=True, kw_only=True)
class Fees:
    """The fees of a row, in rupiah."""

    commission: int = 0
    markup: int = 0
    scheme_fees: int = 0
    interchange: int = 0

    @property
    def total(self) -> int:
        """Return their sum."""
        return self.commission + self.markup + self.scheme_fees + self.interchange


@dataclass(frozen=True, kw_only=True)
class Line:
    """A row of a batch."""

    type: str
    at: float
    #: Signed, in rupiah.
    net: int
    #: None: the row has no payment.
    entry: Entry | None = None
    #: Signed, in minor units of the payment's currency.
    gross: int = 0
    #: Rupiah for one unit of that currency.
    rate: int = 1
    fees: Fees = Fees()
    #: What a row without a payment is for.
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """The rows of a batch, what it pays out, and what it carries over (0 or negative)."""

    number: int
    lines: list[Line]
    payout: int
    carried: int


def decimals(currency: str) -> int:
    """Return how many decimals an amount in a currency has."""
    return 0 if currency in WITHOUT_DECIMALS else 2


def line_of(entry: Entry, settings: ReportSettings) -> Line:
    """Return the row of a record."""
    gross = entry.value if entry.record in CREDITS else -entry.value
    rate = 1 if entry.currency == CURRENCY else settings.exchange_rate
    fees = _fees(entry, rate, settings) if entry.record is Record.SETTLED else Fees()
    net = in_rupiah(gross, entry.currency, rate) - fees.total
    return Line(
        type=entry.record, at=entry.at, net=net, entry=entry, gross=gross, rate=rate, fees=fees
    )


def in_rupiah(value: int, currency: str, rate: int) -> int:
    """Return minor units of a currency in rupiah; exact, as a rate is a multiple of 100."""
    return value * rate // (100 if decimals(currency) else 1)


def fee_line(lines: Sequence[Line], at: float, settings: ReportSettings) -> list[Line]:
    """Return the row with the processing fees of the settled payments, if there are any."""
    count = sum(line.type == Record.SETTLED for line in lines)
    if count * settings.processing_fee == 0:
        return []
    month = datetime.fromtimestamp(at, UTC).strftime("%B %Y")
    text = f"Transaction Fees {month}"
    return [Line(type=FEE, at=at, net=-count * settings.processing_fee, text=text)]


def batch_of(lines: Sequence[Line], *, number: int, account: str, carried: int, at: float) -> Batch:
    """Return a batch with the balance that the last one carried over, and its payout."""
    opening = [
        Line(type=BALANCE_TRANSFER, at=at, net=carried, text=f"Balance of batch {number - 1}")
    ]
    rows = [*(opening if carried else []), *lines]
    left = sum(line.net for line in rows)
    if left > 0:
        text = f"TX{number:09d}XT batch {number}, {account}"
        rows.append(Line(type=PAYOUT, at=at, net=-left, text=text))
    elif left < 0:
        text = f"Balance of batch {number}"
        rows.append(Line(type=BALANCE_TRANSFER, at=at, net=-left, text=text))
    return Batch(number=number, lines=rows, payout=max(left, 0), carried=min(left, 0))


def with_net(line: Line, by: int) -> Line:
    """Return a row with another net amount."""
    return replace(line, net=line.net + by)


def _fees(entry: Entry, rate: int, settings: ReportSettings) -> Fees:
    """Return the fees. GUESS: which kinds a method has; the amounts are settings."""
    base = in_rupiah(entry.value, entry.currency, rate)
    if entry.method == GOPAY:
        return Fees(commission=base * settings.commission_bps // BPS)
    return Fees(
        markup=base * settings.markup_bps // BPS,
        scheme_fees=base * settings.scheme_fees_bps // BPS,
        interchange=base * settings.interchange_bps // BPS,
    )
