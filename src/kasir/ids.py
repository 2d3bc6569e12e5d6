"""Names that Kasir gives to things: sortable by time, safe in a URL, unique across machines."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Final, NewType, Protocol

PaymentId = NewType("PaymentId", str)
LinkId = NewType("LinkId", str)

# Crockford's base 32: no I, L, O, U, so that an id survives being read aloud.
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_TIME_LETTERS: Final = 10
_CHANCE_LETTERS: Final = 16


class Ids(Protocol):
    """Where new names come from; an argument, so that a test can choose them."""

    def new(self, kind: str) -> str:
        """Give a fresh name such as `pay_01JD0Q8V6N5RZ0ZT3MSK6Y1V7B`."""
        ...


class SortableIds:
    """Names that sort by the time they were given (the layout of a ULID)."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms

    def new(self, kind: str) -> str:
        """Give a fresh name: 48 bits of time, then 80 of chance."""
        time = _spelled(self._now_ms(), _TIME_LETTERS)
        chance = _spelled(secrets.randbits(80), _CHANCE_LETTERS)
        return f"{kind}_{time}{chance}"


def _spelled(number: int, letters: int) -> str:
    spelled = ""
    for _ in range(letters):
        number, place = divmod(number, 32)
        spelled = _ALPHABET[place] + spelled
    return spelled
