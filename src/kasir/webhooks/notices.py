"""The operator's use cases with notices: list them, and replay them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

import msgspec

from kasir.errors import Fault, InvalidRequest, NotFound, SettingError
from kasir.store import inbox
from kasir.store.database import Connection, Pool, retried, transaction
from kasir.store.inbox import NoticeRow, NoticeState
from kasir.store.vault import Vault
from kasir.webhooks.interpreting import Contents, contents, own_name

#: How many notices one statement replays.
_BATCH: Final = 1000

Enqueue = Callable[[Connection], Awaitable[None]]


class KeptNotice(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True):
    """A notice as an operator sees it. A notice without `success` or a reference omits it."""

    id: int
    state: str
    event_code: str
    received_at: Annotated[datetime, msgspec.Meta(tz=True)]
    success: bool | None = None
    psp_reference: str = ""
    merchant_reference: str = ""
    payment_id: str | None = None
    #: Why the notice is in this state, if a reason was stored.
    why: str = ""
    #: Whether the notice's body was deleted, some time after the notice was read. Facts are not
    #: deleted.
    body_deleted: bool = False


@dataclass(frozen=True, slots=True)
class Notices:
    """Lists notices. If `vault` cannot decrypt a notice, its contents are left empty."""

    pool: Pool
    vault: Vault

    async def listed(
        self, state: NoticeState | None, most: int, before: int | None = None
    ) -> list[KeptNotice]:
        """Return notices, newest first.

        Args:
            state: The state of the listed notices; None for all states.
            most: The most notices to return.
            before: Only notices with lower ids than this are listed; None for all ids.
        """
        rows = await inbox.rows(self.pool, state, most, before)
        return [_kept(row, _contents(row, self.vault)) for row in rows]

    async def find(self, notice_id: int) -> tuple[KeptNotice, bytes | None]:
        """Return a notice and its body as it came; None if it was deleted or cannot be decrypted.

        The body has tokens and personal data.

        Raises:
            NotFound: There is no notice with this id.
        """
        row = await inbox.row_of(self.pool, notice_id)
        if row is None:
            raise NotFound("notification", str(notice_id))
        return _kept(row, _contents(row, self.vault)), _body(row, self.vault)


def _body(row: NoticeRow, vault: Vault) -> bytes | None:
    if _is_deleted(row):
        return None
    try:
        return vault.open(row.sealed_item)
    except SettingError:
        return None


def _contents(row: NoticeRow, vault: Vault) -> Contents:
    if _is_deleted(row):
        return Contents(psp_reference=own_name(row.event_code, row.names))
    try:
        return contents(row.kind, vault.open(row.sealed_item))
    except SettingError:
        return Contents()


def _is_deleted(row: NoticeRow) -> bool:
    return row.state is NoticeState.READ and not row.sealed_item


def _kept(row: NoticeRow, shown: Contents) -> KeptNotice:
    return KeptNotice(
        id=row.id,
        state=row.state,
        event_code=row.event_code,
        received_at=row.received_at,
        success=shown.success,
        psp_reference=shown.psp_reference,
        merchant_reference=shown.merchant_reference,
        payment_id=row.payment_id,
        why=row.error,
        body_deleted=_is_deleted(row),
    )


async def held(pool: Pool) -> list[int]:
    """Return the ids of the held notices."""
    return await inbox.held(pool)


async def states(pool: Pool, ids: Sequence[int]) -> dict[int, NoticeState]:
    """Return the states of these notices by id. An id without a notice is left out."""
    by_id: dict[int, NoticeState] = {}
    for batch in _batches(ids):
        by_id |= await inbox.states(pool, batch)
    return by_id


async def replay(pool: Pool, ids: Sequence[int], enqueue: Enqueue) -> list[int]:
    """Mark notices as unread, except notices in the state READ; return the ids of those marked."""
    replayed: list[int] = []
    for batch in _batches(ids):
        replayed += await _replay(pool, batch, enqueue)
    return replayed


async def replay_one(pool: Pool, notice_id: int, enqueue: Enqueue) -> NoticeState:
    """Mark a notice to be read again; returns its state before. One that is unread is not changed.

    Raises:
        NotFound: There is no notice with this id.
        InvalidRequest: It was read, so reading it again would change nothing.
    """
    before = (await states(pool, [notice_id])).get(notice_id)
    if before is None:
        raise NotFound("notification", str(notice_id))
    if before is NoticeState.READ:
        cure = "it was read already, and is not read again: its facts are recorded."
        raise InvalidRequest([Fault("id", cure)])
    await replay(pool, [notice_id], enqueue)
    return before


@retried
async def _replay(pool: Pool, ids: Sequence[int], enqueue: Enqueue) -> list[int]:
    async with transaction(pool) as connection:
        replayed = await inbox.replay(connection, ids)
        await enqueue(connection)
    return replayed


def _batches(ids: Sequence[int]) -> list[list[int]]:
    """The ids in batches for one statement each, lowest first."""
    ordered = sorted(ids)
    return [ordered[start : start + _BATCH] for start in range(0, len(ordered), _BATCH)]
