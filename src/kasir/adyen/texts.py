"""Decodes all received JSON, and replaces the characters that PostgreSQL cannot store.

A shop's JSON is read strictly. Adyen's JSON is read leniently: it may contain half a surrogate
pair, bytes that are not UTF-8, a number out of range, or a NaN, and a refused notification would
block Adyen's queue. PostgreSQL's `text` accepts neither a NUL nor half a surrogate pair.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

import msgspec

from kasir.errors import Unreadable

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
#: The most characters of a whole number that is read leniently. A longer number becomes a text.
_DIGITS_MAX: Final = 30
_NOT_STORABLE: Final = re.compile("[\0\ud800-\udfff]")

_STRICT: Final = msgspec.json.Decoder()


def _whole(text: str) -> int | str:
    return int(text) if len(text) <= _DIGITS_MAX else text


#: Decodes a number that is not whole as its text.
_LENIENT: Final = json.JSONDecoder(
    strict=False, parse_int=_whole, parse_float=str, parse_constant=str
)


def read_strict(raw: bytes) -> Any:
    """Read JSON as RFC 8259 defines it. Of two fields with one name, the last counts.

    Raises:
        ValueError: The bytes are not JSON, or not UTF-8.
        RecursionError: The JSON is nested too deeply.
    """
    return _STRICT.decode(raw)


def read_json(raw: bytes) -> Any:
    """Read JSON leniently. Of two fields with one name, the last counts.

    Raises:
        Unreadable: The bytes are not JSON at all.
        RecursionError: The JSON is nested too deeply.
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
    """The text with U+FFFD in place of each character that PostgreSQL cannot store."""
    if text.isascii() and "\0" not in text:
        return text  # This is fast, and true for nearly every text.
    return _NOT_STORABLE.sub("\ufffd", text)


def all_storable(value: Any) -> Any:
    """A JSON value with every text in it made storable."""
    match value:
        case str():
            return storable(value)
        case list():
            return [all_storable(inner) for inner in value]
        case dict():
            return {storable(name): all_storable(inner) for name, inner in value.items()}
    return value
