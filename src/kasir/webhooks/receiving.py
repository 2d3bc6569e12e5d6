"""Receives a notification: verify it, keep it, and nothing else while Adyen waits for the answer.

If one item of a batch has no valid signature, the valid ones are kept and the request is answered
as not authentic, so that Adyen sends it again and somebody looks. The valid items then come twice,
which does no harm.

A body that Kasir cannot parse is kept as it came if its sender is proven to be Adyen: by the
signature over the whole body, or by the password of the address where one is set. Adyen's queue
would otherwise wait behind it for ever.
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

_COLUMN_LETTERS: Final = 80
#: The event code of a notice whose own could not be read.
_UNREADABLE: Final = "UNREADABLE"
#: Added to the key of a notice: the same item from the live and the test platform are two.
_LIVE_MARKS: Final = {None: b"", False: b"", True: b" live"}

_log = structlog.get_logger("kasir.webhooks")


class Inbox(Protocol):
    """Where notices are kept."""

    async def keep(self, notices: Sequence[Notice]) -> None:
        """Keep notices; returns only when they are committed. Those kept before are skipped."""
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
        body: As it was posted.
        is_form: Whether it came as a form; Adyen sends JSON unless set up otherwise.
        keys: The valid HMAC keys: the current one, and the previous one while rotating.
        inbox: Where it is kept.
        received_at: When it came.
        is_admitted: Whether the sender gave the password of the address; False where none is set.

    Raises:
        Unreadable: It is not JSON or not the envelope, and nothing proves who sent it; nothing was
            kept.
        NotAuthentic: An item has no valid signature; the others were kept.
    """
    try:
        items = notifications.parse_form(body) if is_form else notifications.parse(body)
    except Unreadable as error:
        if not is_admitted:
            raise
        await _keep_unread(body, NoticeKind.RAW, error, inbox, received_at)
        return
    sealed = [item for item in items if signing.is_signed(item, keys)]
    if sealed:
        await inbox.keep([_notice(item, received_at) for item in sealed])
    if len(sealed) < len(items):
        raise NotAuthentic(f"{len(items) - len(sealed)} of {len(items)} items have no valid seal")


async def receive_token(
    body: bytes, *, signature: str, keys: Sequence[bytes], inbox: Inbox, received_at: datetime
) -> None:
    """Receive a token notification, signed over its raw bytes, in a header, under its own key.

    Raises:
        NotAuthentic: There is no valid signature; nothing was kept.
    """
    if not token_notifications.is_signed(body, signature, keys):
        raise NotAuthentic("the token notification has no valid seal")
    try:
        said = token_notifications.envelope(body)
    except Unreadable as error:
        await _keep_unread(body, NoticeKind.TOKENS, error, inbox, received_at)
        return
    notice = Notice(
        key=sha256(body).digest(),
        kind=NoticeKind.TOKENS,
        item=body,
        event_code=_plain(said.type),
        names=(_plain(said.event_id),) if said.event_id else (),
        received_at=received_at,
    )
    await inbox.keep([notice])


async def _keep_unread(
    body: bytes, kind: NoticeKind, error: Unreadable, inbox: Inbox, received_at: datetime
) -> None:
    """Keep a body that cannot be parsed; the reader holds it, and says why."""
    _log.warning("kept, and cannot be read", kind=kind, bytes=len(body), error=storable(str(error)))
    notice = Notice(
        key=sha256(body).digest(),
        kind=kind,
        item=body,
        event_code=_UNREADABLE,
        names=(),
        received_at=received_at,
    )
    await inbox.keep([notice])


def _notice(item: Item, received_at: datetime) -> Notice:
    is_live = notifications.live_of(item.live)
    return Notice(
        # The signature does not cover the envelope: a copy whose envelope was changed is another
        # notice, so it cannot keep the original out.
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
        return None  # The item is kept as it is, and held when it is read.


def _plain(text: str) -> str:
    """Text that any column accepts; the item itself is kept as it is in another column."""
    return storable(text.replace("\0", "").replace(" ", ""))[:_COLUMN_LETTERS]
