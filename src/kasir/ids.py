"""Kasir's own ids: sortable by time, safe in a URL, unique across machines."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Final, NewType, Protocol

PaymentId = NewType("PaymentId", str)
LinkId = NewType("LinkId", str)

# Crockford's base 32, without I, L, O and U, which are easily mistaken when an id is read aloud.
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
#: How many digits of an id are its time, and how many are random.
_TIME_DIGITS: Final = 10
_RANDOM_DIGITS: Final = 16


class Ids(Protocol):
    """Makes new ids. It is passed as an argument, so that a test can choose the ids."""

    def new(self, kind: str) -> str:
        """Make an id such as `pay_01JD0Q8V6N5RZ0ZT3MSK6Y1V7B`."""
        ...


class SortableIds:
    """Ids that sort by the time they were made (the layout of a ULID)."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        """Make the source of ids; `now_ms` returns the milliseconds since 1970."""
        self._now_ms = now_ms

    def new(self, kind: str) -> str:
        """Make an id: 48 bits of time, then 80 random bits."""
        time = _base_32(self._now_ms(), _TIME_DIGITS)
        random = _base_32(secrets.randbits(80), _RANDOM_DIGITS)
        return f"{kind}_{time}{random}"


def _base_32(number: int, digits: int) -> str:
    text = ""
    for _ in range(digits):
        number, digit = divmod(number, 32)
        text = _ALPHABET[digit] + text
    return text
