"""Text as it may come from Adyen: JSON that is not strict, and letters that no column takes.

JSON as most writers make it may hold half a surrogate pair, bytes that are no UTF-8, a number
beyond every range, or a NaN. PostgreSQL takes neither such letters nor a NUL. Whatever it was
Adyen sent it, and refuses to send anything else first.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

import msgspec

from kasir.errors import Unreadable

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
#: More digits than any number that means something; longer ones stay text.
_DIGITS_MAX: Final = 30
_NOT_STORABLE: Final = re.compile("[\0\ud800-\udfff]")


def _whole(text: str) -> int | str:
    return int(text) if len(text) <= _DIGITS_MAX else text


#: Numbers that are not whole stay as they were written.
_LENIENT: Final = json.JSONDecoder(
    strict=False, parse_int=_whole, parse_float=str, parse_constant=str
)


def read_json(raw: bytes) -> Any:
    """Read JSON, strict or not; of two fields of one name, the last.

    Raises:
        Unreadable: It is no JSON at all.
        RecursionError: It is nested too deeply.
    """
    try:
        return msgspec.json.decode(raw)
    except ValueError:  # msgspec's own are, and so is what is no UTF-8.
        text = raw.removeprefix(_BYTE_ORDER_MARK).decode(errors="surrogateescape")
    try:
        return _LENIENT.decode(text)
    except ValueError as error:
        raise Unreadable(f"it is not JSON: {error}") from error


def storable(text: str) -> str:
    """Text that any column takes: what none takes is replaced by U+FFFD, which is in no name."""
    return _NOT_STORABLE.sub("\ufffd", text)


def all_storable(value: Any) -> Any:
    """The same, of every text in a JSON value."""
    match value:
        case str():
            return storable(value)
        case list():
            return [all_storable(one) for one in value]
        case dict():
            return {storable(name): all_storable(one) for name, one in value.items()}
    return value
