"""Reads the fields of forms: times as people in Indonesia write them, amounts, choices."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta, timezone
from typing import Final

from kasir.errors import Fault, InvalidRequest

#: The time zone of times in forms and on pages.
_JAKARTA: Final = timezone(timedelta(hours=7))
_MOMENT_CURE: Final = "must be a date and a time, such as 2026-11-26T10:00, in Jakarta's time zone."


def check_fields(fields: Mapping[str, str], known: Collection[str]) -> None:
    """Refuse fields that a form does not have.

    Raises:
        InvalidRequest: There is another field.
    """
    unknown = sorted(set(fields) - set(known))
    if unknown:
        cure = f"is no field of this form; there are {', '.join(sorted(known)) or 'none'}."
        raise InvalidRequest(Fault(name, cure) for name in unknown)


def moment_field(fields: Mapping[str, str], name: str) -> datetime | None:
    """Return the time in a field, in Jakarta's time zone unless it has another; None if empty.

    Raises:
        InvalidRequest: It is no time.
    """
    text = fields.get(name, "").strip()
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=_JAKARTA)
        moment.utctimetuple()  # Fails for a time that UTC moves out of the calendar.
    except (ValueError, OverflowError):
        raise InvalidRequest([Fault(name, _MOMENT_CURE)]) from None
    return moment


def rupiah_field(fields: Mapping[str, str], name: str) -> int | None:
    """Return the rupiah in a field, with or without dots between thousands; None if empty.

    Raises:
        InvalidRequest: It is no whole number.
    """
    text = fields.get(name, "").strip().removeprefix("Rp").strip().replace(".", "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 15):  # noqa: PLR2004  # More digits than any amount has.
        raise InvalidRequest([Fault(name, "must be whole rupiah, such as 25000 or 25.000.")])
    return int(text)


def chosen_field(fields: Mapping[str, str], name: str, options: Collection[str]) -> str:
    """Return the choice in a field; empty if there is none.

    Raises:
        InvalidRequest: It is none of the options.
    """
    value = fields.get(name, "")
    if value and value not in options:
        raise InvalidRequest([Fault(name, f"must be one of {', '.join(options)}.")])
    return value
