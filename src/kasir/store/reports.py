"""Statements and rows of Adyen's reports: how each is fetched, and its content as it came."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final

from kasir.store.database import Connection, Pool, queries
from kasir.store.vault import Vault

SQL: Final = queries("reports")

#: How many bytes of a report one row of `report_part` has before they are compressed.
PART_BYTES: Final = 256 * 1024


class ReportState(StrEnum):
    """What was done with a report. The values are stored."""

    #: It is to be fetched.
    ANNOUNCED = "announced"
    #: Its content is stored, and is to be reconciled.
    STORED = "stored"
    RECONCILED = "reconciled"
    #: It cannot be read; its error says why.
    UNREADABLE = "unreadable"
    #: Its address is not Adyen's, so it is not fetched.
    REFUSED = "refused"
    #: A report that Kasir does not reconcile; it is not fetched.
    OTHER = "other"
    #: The same content was stored under the same name before.
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class Announced:
    """A report that a notification announces.

    Attributes:
        name: The name of the file.
        url: Where it is.
        kind: Its kind by its name; empty if that is none that is reconciled.
        state: ANNOUNCED, OTHER or REFUSED.
        error: Why it is refused.
    """

    name: str
    url: str
    kind: str
    state: ReportState
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A report's row."""

    id: int
    name: str
    url: str
    kind: str
    state: ReportState
    rows: int
    own_rows: int
    foreign_rows: int
    tries: int
    error: str
    note: str


async def announce(
    connection: Connection | Pool, reports: Sequence[Announced], now: datetime
) -> None:
    """Store the reports that notifications announce; one that is announced already is skipped."""
    if reports:
        await SQL.announce(
            connection,
            names=[each.name for each in reports],
            urls=[each.url for each in reports],
            kinds=[each.kind for each in reports],
            states=[each.state for each in reports],
            errors=[each.error for each in reports],
            now=now,
        )


async def add(pool: Pool, name: str, now: datetime) -> int:
    """Store a report that is given by hand, without content; returns its id."""
    return int(await SQL.add(pool, name=name, kind="", now=now))


async def take_due(
    connection: Connection, now: datetime, later: datetime, most: int, *, fetches: bool
) -> list[int]:
    """Postpone the reports that are due, and return their ids. Without `fetches`, none to fetch."""
    rows = SQL.due(connection, now=now, later=later, most=most, fetches=fetches)
    return [row["id"] async for row in rows]


async def report(pool: Pool, report_id: int) -> Report | None:
    """Return a report."""
    row = await SQL.report(pool, id=report_id)
    return _report_of(row) if row else None


async def postpone(pool: Pool, report_id: int, later: datetime) -> None:
    """Keep a report that is being worked at from becoming due."""
    await SQL.postpone(pool, id=report_id, later=later)


async def fetch_failed(
    pool: Pool, report_id: int, due_at: datetime, status: int | None, error: str
) -> None:
    """Record a try to fetch a report, and when the next one is."""
    await SQL.fetch_failed(pool, id=report_id, due_at=due_at, status=status, error=error)


async def read_as(pool: Pool, report_id: int, kind: str) -> None:
    """Record the kind of a report."""
    await SQL.read_as(pool, id=report_id, kind=kind)


async def reject(pool: Pool, report_id: int, state: ReportState, error: str) -> None:
    """Record why a report is refused or cannot be read."""
    await SQL.reject(pool, id=report_id, state=state, error=error)


async def reconciled(
    pool: Pool, report_id: int, counts: tuple[int, int, int], note: str, now: datetime
) -> None:
    """Record that a report was reconciled; `counts` are all rows, Kasir's own, and foreign ones."""
    rows, own, foreign = counts
    await SQL.reconciled(
        pool, id=report_id, rows=rows, own_rows=own, foreign_rows=foreign, note=note, now=now
    )


class ReportWriter:
    """Stores a report's content, which is given in pieces, in compressed and sealed parts."""

    def __init__(self, pool: Pool, vault: Vault, report_id: int) -> None:
        self._pool, self._vault, self._id = pool, vault, report_id
        self._digest = sha256()
        self._waiting = bytearray()
        self._position = 0
        self._size = 0

    async def begin(self) -> None:
        """Remove what an earlier try has stored."""
        await SQL.clear_parts(self._pool, id=self._id)

    async def write(self, piece: bytes) -> None:
        """Store a piece."""
        self._digest.update(piece)
        self._size += len(piece)
        self._waiting += piece
        while len(self._waiting) >= PART_BYTES:
            await self._write_part(bytes(self._waiting[:PART_BYTES]))
            del self._waiting[:PART_BYTES]

    async def end(self, due_at: datetime | None) -> int:
        """Store the rest. Returns the report's id, or the id of an earlier one with this content.

        `due_at` is when it is to be reconciled by a worker; None if the caller does that.
        """
        if self._waiting:
            await self._write_part(bytes(self._waiting))
        row = await SQL.stored(
            self._pool,
            id=self._id,
            digest=self._digest.digest(),
            size_bytes=self._size,
            due_at=due_at,
        )
        return int(row["id"])

    async def _write_part(self, part: bytes) -> None:
        content = self._vault.seal(zlib.compress(part))
        await SQL.add_part(self._pool, id=self._id, position=self._position, content=content)
        self._position += 1


async def content(pool: Pool, vault: Vault, report_id: int) -> AsyncIterator[bytes]:
    """The content of a report as it came, in pieces.

    Raises:
        SettingError: No key decrypts it.
    """
    position = 0
    while (sealed := await SQL.part(pool, id=report_id, position=position)) is not None:
        yield zlib.decompress(vault.open(sealed))
        position += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFigures:
    """What `kasir doctor` says of reports.

    Attributes:
        last_at: When the newest report that has come was announced or given.
        unreported_since: When the first captured payment after it was made.
        waiting: How many are to be fetched.
        waiting_since: When the first of them was announced.
        bad: How many cannot be read, or are refused.
        open_cases: How many cases are open.
        errors: The newest errors: a report's name and why.
    """

    last_at: datetime | None
    unreported_since: datetime | None
    waiting: int
    waiting_since: datetime | None
    bad: int
    open_cases: int
    errors: tuple[tuple[str, str], ...]


async def figures(pool: Pool, errors_max: int) -> ReportFigures:
    """What `kasir doctor` says of reports, with the newest errors."""
    row = await SQL.doctor(pool)
    errors = SQL.doctor_errors(pool, most=errors_max)
    return ReportFigures(**dict(row), errors=tuple([(e["name"], e["error"]) async for e in errors]))


def _report_of(row: Mapping[str, Any]) -> Report:
    return Report(
        id=row["id"],
        name=row["name"],
        url=row["url"],
        kind=row["kind"],
        state=ReportState(row["state"]),
        rows=row["rows"],
        own_rows=row["own_rows"],
        foreign_rows=row["foreign_rows"],
        tries=row["tries"],
        error=row["error"],
        note=row["note"],
    )
