"""Receives a notification: verifies and stores it, and does nothing else while Adyen waits.

If one item of a notification has no valid signature, the valid items are stored and the answer is
an error. So Adyen sends the notification again, and the operator notices the error. The valid items
then arrive twice, and are stored once.

A body that Kasir cannot parse is stored unchanged if its sender is proven to be Adyen, by a
signature over the whole body or by the webhook's password. Otherwise Adyen's queue would wait
behind this body for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final, Protocol

import structlog

from kasir.adyen import notifications, signing, token_notifications
from kasir.adyen.notifications import Item
from kasir.adyen.texts import storable
from kasir.errors import NotAuthentic, Unreadable
from kasir.gateway.meanings import names_of
from kasir.store.inbox import Notice, NoticeKind

#: The most characters of a text in a column of a notice.
_COLUMN_LETTERS: Final = 80
#: The event code of a notice that could not be parsed.
_UNREADABLE: Final = "UNREADABLE"
#: What is appended to an item before it is hashed to the notice's key, by `live` of its envelope.
#: So the same item from live and from test is stored as two notices.
_LIVE_MARKS: Final = {None: b"", False: b"", True: b" live"}

_log = structlog.get_logger("kasir.webhooks")


class Inbox(Protocol):
    """Stores notices."""

    async def keep(self, notices: Sequence[Notice]) -> None:
        """Store notices, and return after the commit. Notices already stored are skipped."""
        ...


async def receive(
    body: bytes,
    *,
    is_form: bool,
    keys: Sequence[bytes],
    inbox: Inbox,
    received_at: datetime,
    is_admitted: bool = False,
) -> None:
    """Receive a standard notification.

    Args:
        body: The unchanged body of the request.
        is_form: Whether the body is an HTML form. Adyen sends JSON unless the webhook is set to
            forms.
        keys: The valid HMAC keys: the current one, and during a rotation the previous one.
        inbox: Stores the notification.
        received_at: When the notification was received.
        is_admitted: Whether the sender gave the webhook's password; False if none is set.

    Raises:
        Unreadable: The body cannot be parsed, and the sender is not proven to be Adyen. Nothing was
            stored.
        NotAuthentic: An item has no valid signature. The other items were stored.
    """
    try:
        items = notifications.parse_form(body) if is_form else notifications.parse(body)
    except Unreadable as error:
        if not is_admitted:
            raise
        await keep_raw(body, error, inbox, received_at)
        return
    signed = [item for item in items if signing.is_signed(item, keys)]
    if signed:
        await keep_items(signed, inbox, received_at)
    if len(signed) < len(items):
        unsigned = len(items) - len(signed)
        raise NotAuthentic(f"{unsigned} of {len(items)} items have no valid signature")


async def keep_items(items: Sequence[Item], inbox: Inbox, received_at: datetime) -> None:
    """Store items of a standard notification; their signatures were verified."""
    await inbox.keep([_notice(item, received_at) for item in items])


async def keep_raw(body: bytes, error: Unreadable, inbox: Inbox, received_at: datetime) -> None:
    """Store the body of a standard notification that cannot be parsed, and that Adyen sent."""
    await _keep_unread(body, NoticeKind.RAW, error, inbox, received_at)


async def receive_token(
    body: bytes, *, signature: str, keys: Sequence[bytes], inbox: Inbox, received_at: datetime
) -> None:
    """Receive a token notification.

    Args:
        body: The unchanged body of the request.
        signature: The signature from the request's header.
        keys: The valid HMAC keys of the token webhook.
        inbox: Stores the notification.
        received_at: When the notification was received.

    Raises:
        NotAuthentic: There is no valid signature; nothing was stored.
    """
    if not token_notifications.is_signed(body, signature, keys):
        raise NotAuthentic("the token notification has no valid signature")
    try:
        envelope = token_notifications.envelope(body)
    except Unreadable as error:
        await _keep_unread(body, NoticeKind.TOKENS, error, inbox, received_at, signature.strip())
        return
    notice = Notice(
        key=sha256(body).digest(),
        kind=NoticeKind.TOKENS,
        item=body,
        event_code=_plain(envelope.type),
        names=(_plain(envelope.event_id),) if envelope.event_id else (),
        received_at=received_at,
        signature=signature.strip(),
    )
    await inbox.keep([notice])


async def _keep_unread(
    body: bytes,
    kind: NoticeKind,
    error: Unreadable,
    inbox: Inbox,
    received_at: datetime,
    signature: str = "",
) -> None:
    """Store a body that cannot be parsed. The reader will hold the notice, with the reason."""
    _log.warning("kept, and cannot be read", kind=kind, bytes=len(body), error=storable(str(error)))
    notice = Notice(
        key=sha256(body).digest(),
        kind=kind,
        item=body,
        event_code=_UNREADABLE,
        names=(),
        received_at=received_at,
        signature=signature,
    )
    await inbox.keep([notice])


def _notice(item: Item, received_at: datetime) -> Notice:
    is_live = notifications.live_of(item.live)
    return Notice(
        # The signature does not cover `live` of the envelope, so `live` is part of the key: a copy
        # with a changed `live` has another key, and the original is not skipped as a repeat.
        key=sha256(item.raw + _LIVE_MARKS[is_live]).digest(),
        kind=NoticeKind.STANDARD,
        item=item.raw,
        event_code=_plain(item.event_code),
        names=tuple(_plain(name) for name in names_of(item)),
        received_at=received_at,
        event_date=_happened_at(item),
        is_live=is_live,
    )


def _happened_at(item: Item) -> datetime | None:
    try:
        return notifications.moment(item.event_date).astimezone(UTC)
    except Unreadable:
        return None  # The item is stored, and will be held by the reader.


def _plain(text: str) -> str:
    """The text in a form that any column accepts. The whole item is stored in another column."""
    return storable(text.replace("\0", "").replace(" ", ""))[:_COLUMN_LETTERS]
