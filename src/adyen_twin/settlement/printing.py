"""How reports print amounts and dates, and their CSV.

Source: rows of such files in open-source readers: major units with a dot, without zeros at the
end; dates without an offset, and the zone in its own column. GUESS: how rupiah are printed,
which is a setting; and that a zone has one offset all year.
"""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Final

from adyen_twin.core.report_settings import ReportSettings
from adyen_twin.protocol.limits import CURRENCY
from adyen_twin.settlement.lines import decimals

#: A zone -> its hours before UTC.
OFFSETS_H: Final = {"CET": 1, "CEST": 2, "PST": -8, "PDT": -7, "UTC": 0, "WIB": 7}


def zone(settings: ReportSettings) -> timezone:
    """Return the zone of the dates."""
    return timezone(timedelta(hours=OFFSETS_H[settings.time_zone]))


def local(moment: float, settings: ReportSettings) -> datetime:
    """Return a moment in the zone of the dates."""
    return datetime.fromtimestamp(moment, UTC).astimezone(zone(settings))


def date(moment: float, settings: ReportSettings) -> str:
    """Return a date as reports print it: 2026-11-05 10:32:21."""
    return local(moment, settings).strftime("%Y-%m-%d %H:%M:%S")


def amount(minor_units: int, currency: str, settings: ReportSettings) -> str:
    """Return a signed amount; 0 is empty."""
    if minor_units == 0:
        return ""
    if currency == CURRENCY and settings.idr != "whole":
        scale = -2 if settings.idr == "hundredths" else 0
        return f"{Decimal(minor_units).scaleb(scale):.2f}"
    return _plain(Decimal(minor_units).scaleb(-decimals(currency)))


def rate(rupiah: int, currency: str, settings: ReportSettings) -> str:
    """Return an exchange rate that fits the printed amounts."""
    is_scaled = currency != CURRENCY and settings.idr == "hundredths"
    return _plain(Decimal(rupiah).scaleb(-2 if is_scaled else 0))


def pair(minor_units: int, currency: str, settings: ReportSettings) -> tuple[str, str]:
    """Return a signed amount as debit and credit; the other one of them is empty."""
    text = amount(abs(minor_units), currency, settings)
    return (text, "") if minor_units < 0 else ("", text)


def table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], settings: ReportSettings, *, seed: str
) -> str:
    """Return CSV with the columns as the settings want them; `seed` selects the shuffled order."""
    order = [index for index, name in enumerate(columns) if name not in settings.missing_columns]
    if settings.column_order == "shuffled":
        random.Random(seed).shuffle(order)  # noqa: S311  # Not for security.
    text = io.StringIO()
    is_all = settings.quoting == "all"
    writer = csv.writer(
        text, lineterminator="\n", quoting=csv.QUOTE_ALL if is_all else csv.QUOTE_MINIMAL
    )
    writer.writerow([columns[index] for index in order])
    writer.writerows([row[index] for index in order] for row in rows)
    return text.getvalue()


def _plain(number: Decimal) -> str:
    """Return a number without an exponent and without zeros at the end of its decimals."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
