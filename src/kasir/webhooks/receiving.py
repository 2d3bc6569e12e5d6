"""Verify, keep, answer. Nothing else happens while Adyen waits.

A batch with a bad item in it: the good items are kept, and the whole is answered as not authentic,
so that Adyen sends it again and somebody looks. The good ones come twice then, which is harmless.

What Kasir cannot read at all is kept as it came if its sender proved to be Adyen: by the seal of
the whole, or by the password of the address where there is one. Adyen's queue would wait behind it
for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import Final, Protocol

import structlog

from kasir.adyen import notifications, signing, token_notifications
from kasir.adyen.notifications import Item
from kasir.adyen.texts import storable
from kasir.errors import NotAuthentic, Unreadable
from kasir.gateway.meanings import names_of

_COLUMN_LETTERS: Final = 80
#: What stands for an event code where none could be read.
_NONE_READ: Final = "UNREADABLE"
#: What tells the same item in an envelope of real money from the one in another.
_LIVES: Final = {None: b"", False: b"", True: b" live"}

_log = structlog.get_logger("kasir.webhooks")


class NoticeKind(StrEnum):
    """Which webhook a notice came by."""

    #: An item of a standard notification.
    STANDARD = "standard"
    #: A token life cycle notification.
    TOKENS = "tokens"
    #: The whole body of what came by the standard webhook from Adyen, and is none.
    RAW = "raw"


@dataclass(frozen=True, slots=True)
class Notice:
    """A notification item on its way into the inbox; `key` tells the same one from another.

    `event_date` is when what it tells of happened, by Adyen's clock; None where it says none.
    `is_live` is whether its envelope says that it is real money; None where it does not say.
    """

    key: bytes
    kind: NoticeKind
    item: bytes
    event_code: str
    names: tuple[str, ...]
    received_at: datetime
    event_date: datetime | None = None
    is_live: bool | None = None


class Inbox(Protocol):
    """Where notices are kept."""

    async def keep(self, notices: Sequence[Notice]) -> None:
        """Keep them; returns only when they are committed. Keeping twice is keeping once."""
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
    """Take a standard notification in.

    Args:
        body: As it was posted.
        is_form: Whether it came as a form; Adyen sends JSON unless set up otherwise.
        keys: The HMAC keys that count: current, and previous while rotating.
        inbox: Where it is kept.
        received_at: When it came.
        is_admitted: Whether the sender gave the password of the address; not so where it has none.

    Raises:
        Unreadable: It is not JSON or not the envelope, and nothing proves who sent it; nothing was
            kept.
        NotAuthentic: An item has no valid seal; the others were kept.
    """
    try:
        items = notifications.parse_form(body) if is_form else notifications.parse(body)
    except Unreadable as error:
        if not is_admitted:
            raise
        await _keep_unread(body, NoticeKind.RAW, error, inbox, received_at)
        return
    sealed = [item for item in items if signing.is_sealed(item, keys)]
    if sealed:
        await inbox.keep([_notice(item, received_at) for item in sealed])
    if len(sealed) < len(items):
        raise NotAuthentic(f"{len(items) - len(sealed)} of {len(items)} items have no valid seal")


async def receive_token(
    body: bytes, *, signature: str, keys: Sequence[bytes], inbox: Inbox, received_at: datetime
) -> None:
    """Take a token notification in: sealed over its raw bytes, in a header, under its own key.

    Raises:
        NotAuthentic: There is no valid seal; nothing was kept.
    """
    if not token_notifications.is_sealed(body, signature, keys):
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
    """Keep what cannot be read; the reader then holds it, and says why."""
    _log.warning("kept, and cannot be read", kind=kind, bytes=len(body), error=storable(str(error)))
    notice = Notice(
        key=sha256(body).digest(),
        kind=kind,
        item=body,
        event_code=_NONE_READ,
        names=(),
        received_at=received_at,
    )
    await inbox.keep([notice])


def _notice(item: Item, received_at: datetime) -> Notice:
    is_live = notifications.live_of(item.live)
    return Notice(
        # No seal covers the envelope: whoever changes it there does not keep out the true one.
        key=sha256(item.raw + _LIVES[is_live]).digest(),
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
        return None  # The item is kept whole, and held when it is read.


def _plain(text: str) -> str:
    """Text that any column takes; the item itself is kept whole beside it."""
    return storable(text.replace("\0", "").replace(" ", ""))[:_COLUMN_LETTERS]
