"""The message in which a notice is relayed: Adyen's own, or signed anew. Pure.

The text of an item is sent byte for byte as it came. If it is signed anew, only the value of
`additionalData.hmacSignature` changes. The envelope has one item, as Adyen's has.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from kasir.adyen.notifications import item_from
from kasir.adyen.signing import sign, signed_text
from kasir.adyen.texts import read_json
from kasir.errors import Unreadable
from kasir.store.inbox import NoticeKind

_JSON: Final = "application/json; charset=utf-8"
_FORM: Final = "application/x-www-form-urlencoded; charset=utf-8"
#: A string in JSON, with its quotation marks.
_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
#: The platform in an envelope.
_LIVE: Final = {True: b"true", False: b"false"}


@dataclass(frozen=True, slots=True)
class Message:
    """A request to the shop's handler: its body and its headers."""

    body: bytes
    headers: Mapping[str, str]


def standard_message(item: bytes, *, is_live: bool, key: bytes | None) -> Message:
    """An item in an envelope of its own; signed with `key`, or else as it came.

    Raises:
        Unreadable: It cannot be signed anew.
    """
    text = item if key is None else resealed(item, key)
    body = b'{"live":"%b","notificationItems":[{"NotificationRequestItem":%b}]}'
    return Message(body % (_LIVE[is_live], text), {"Content-Type": _JSON})


def token_message(body: bytes, *, signature: str, key: bytes | None) -> Message:
    """A token notification with its signature; signed with `key`, or else as it came."""
    header = signature if key is None else sign(body, key)
    headers = {"Content-Type": _JSON, "HmacSignature": header, "Protocol": "HmacSHA256"}
    return Message(body, headers)


def raw_message(body: bytes) -> Message:
    """A body that Kasir could not parse, as it came. What is no JSON object came as a form."""
    is_json = body.lstrip().startswith((b"{", b"\xef\xbb\xbf"))
    return Message(body, {"Content-Type": _JSON if is_json else _FORM})


def message_of(
    kind: NoticeKind,
    item: bytes,
    signature: str,
    *,
    is_live: bool,
    keys: tuple[bytes | None, bytes | None],
) -> Message:
    """The message of a notice; `keys` sign standard and token notifications anew.

    Raises:
        Unreadable: It cannot be signed anew.
    """
    match kind:
        case NoticeKind.STANDARD:
            return standard_message(item, is_live=is_live, key=keys[0])
        case NoticeKind.TOKENS:
            return token_message(item, signature=signature, key=keys[1])
        case NoticeKind.RAW:
            return raw_message(item)


def resealed(raw: bytes, key: bytes) -> bytes:
    """The text of an item with another signature, and no other change.

    The text of the old signature may occur several times in the item. So each occurrence is
    replaced in turn, until the item reads as it did, but for its signature.

    Raises:
        Unreadable: The item has no signature as a string.
    """
    item = item_from(raw)
    new = sign(signed_text(item).encode(errors="replace"), key)
    wanted = read_json(raw)
    if item.hmac_signature:
        wanted["additionalData"]["hmacSignature"] = new
        for found in _STRING.finditer(raw):
            if _text(found.group()) != item.hmac_signature:
                continue
            text = raw[: found.start()] + b'"' + new.encode() + b'"' + raw[found.end() :]
            if read_json(text) == wanted:
                return text
    raise Unreadable("the item has no signature that can be replaced")


def _text(token: bytes) -> Any:
    try:
        return read_json(token)
    except Unreadable:
        return None
