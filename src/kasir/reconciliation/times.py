"""The times of a report, whose zones stand in a column of their own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_FORMATS: Final = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d")
#: Abbreviations of zones. Summer time follows from the date, so both abbreviations name one zone.
_ZONES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("CET", "CEST", "MET", "MEST"), "Europe/Amsterdam"),
    **dict.fromkeys(("UTC", "GMT", "Z"), "UTC"),
    "BST": "Europe/London",
    **dict.fromkeys(("PST", "PDT"), "America/Los_Angeles"),
    **dict.fromkeys(("EST", "EDT"), "America/New_York"),
    **dict.fromkeys(("AEST", "AEDT"), "Australia/Sydney"),
    "WIB": "Asia/Jakarta",
    **dict.fromkeys(("SGT", "SST"), "Asia/Singapore"),
    "HKT": "Asia/Hong_Kong",
    "JST": "Asia/Tokyo",
    "BRT": "America/Sao_Paulo",
}


def moment(text: str, zone: str) -> datetime | None:
    """The time in a row; None if it is empty or in an unknown format, or if its zone is unknown.

    A time that cannot be read is no error, because times are not used in comparisons.
    """
    found = _zone(zone)
    if found is None:
        return None
    for pattern in _FORMATS:
        try:
            return datetime.strptime(text, pattern).replace(tzinfo=found)
        except ValueError:
            continue
    return None


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(_ZONES.get(name.upper(), name))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
