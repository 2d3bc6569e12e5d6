"""JSON from the wire is decoded here and nowhere else; what PostgreSQL cannot store is replaced.

A shop's JSON is read strictly. Adyen's is not: as most writers make it, it may hold half a
surrogate pair, bytes that are not UTF-8, a number out of range, or a NaN, and Adyen sends nothing
else before that is accepted. PostgreSQL's `text` takes neither a NUL nor half a surrogate pair.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

import msgspec

from kasir.errors import Unreadable

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
#: Longer than any number that means something; longer ones stay text.
_DIGITS_MAX: Final = 30
_NOT_STORABLE: Final = re.compile("[\0\ud800-\udfff]")

_STRICT: Final = msgspec.json.Decoder()


def _whole(text: str) -> int | str:
    return int(text) if len(text) <= _DIGITS_MAX else text


#: Numbers that are not whole stay as they were written.
_LENIENT: Final = json.JSONDecoder(
    strict=False, parse_int=_whole, parse_float=str, parse_constant=str
)


def read_strict(raw: bytes) -> Any:
    """Read JSON as RFC 8259 has it; of two fields of one name, the last.

    Raises:
        ValueError: It is not JSON, or not UTF-8.
        RecursionError: It is nested too deeply.
    """
    return _STRICT.decode(raw)


def read_json(raw: bytes) -> Any:
    """Read JSON, strict or not; of two fields of one name, the last.

    Raises:
        Unreadable: It is not JSON at all.
        RecursionError: It is nested too deeply.
    """
    try:
        return read_strict(raw)
    except ValueError:
        text = raw.removeprefix(_BYTE_ORDER_MARK).decode(errors="surrogateescape")
    try:
        return _LENIENT.decode(text)
    except ValueError as error:
        raise Unreadable(f"it is not JSON: {error}") from error


def storable(text: str) -> str:
    """The text with U+FFFD for each character that PostgreSQL cannot store; it is in no name."""
    if text.isascii() and "\0" not in text:
        return text  # Nearly every text, and several times as fast.
    return _NOT_STORABLE.sub("\ufffd", text)


def all_storable(value: Any) -> Any:
    """A JSON value with every text in it made storable."""
    match value:
        case str():
            return storable(value)
        case list():
            return [all_storable(one) for one in value]
        case dict():
            return {storable(name): all_storable(one) for name, one in value.items()}
    return value
