"""The audit log: who did what on the desk, when, why, and what was before and after.

A row is added before the act and gets its outcome once, after the act. The database refuses every
other change of a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import msgspec

from kasir.store.database import Pool, queries

SQL: Final = queries("audit")

#: Larger than every id.
_NEWEST: Final = 2**63 - 1


class Outcome(StrEnum):
    """What became of an act."""

    #: The act has begun. If the row stays so, the process ended in the act.
    STARTED = "started"
    DONE = "done"
    FAILED = "failed"


class Who(msgspec.Struct, frozen=True):
    """Who acts: a person's name, their address, and the account that the act is about."""

    person: str
    address: str
    account: str


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an act before it.

    Attributes:
        who: Who acts.
        act: The act's name.
        subject: What is acted on: an id or a name.
        reason: Why, in the person's own words.
        before: What was before the act.
        is_about_people: Whether it is a sign-in or an act on people.
    """

    who: Who
    act: str
    subject: str
    reason: str = ""
    before: Mapping[str, Any] = {}
    is_about_people: bool = False


class AuditRow(msgspec.Struct, rename="camel", kw_only=True):
    """An act as it was recorded. `error` is why it failed."""

    id: int
    at: datetime
    person: str
    address: str
    act: str
    subject: str
    reason: str
    before: dict[str, Any]
    after: dict[str, Any] | None
    outcome: Outcome
    error: str


async def begin(pool: Pool, entry: Entry, now: datetime) -> int:
    """Add the row of an act that begins now; returns its id."""
    return int(
        await SQL.begin_act(
            pool,
            at=now,
            is_about_people=entry.is_about_people,
            account=entry.who.account,
            person=entry.who.person,
            address=entry.who.address,
            act=entry.act,
            subject=entry.subject,
            reason=entry.reason,
            before=_encoded(entry.before),
        )
    )


async def end(
    pool: Pool,
    row_id: int,
    after: Mapping[str, Any],
    *,
    now: datetime,
    error: str = "",
) -> None:
    """Record the outcome of an act; with `error`, it failed."""
    outcome = Outcome.FAILED if error else Outcome.DONE
    await SQL.end_act(pool, id=row_id, at=now, outcome=outcome, error=error, after=_encoded(after))


async def acts(pool: Pool, most: int, before_id: int | None = None) -> list[AuditRow]:
    """Return the acts in an account, newest first; with `before_id`, those older than that row."""
    rows = SQL.acts(pool, before_id=before_id or _NEWEST, most=most)
    return [_row(row) async for row in rows]


async def acts_on_people(
    pool: Pool, account: str, most: int, before_id: int | None = None, *, is_default_account: bool
) -> list[AuditRow]:
    """Return the sign-ins and acts on people that the admins of an account may see, newest first.

    Args:
        pool: The tables of the environment's account.
        account: The account.
        most: How many at most.
        before_id: Only those older than this row.
        is_default_account: Whether it is the account of the environment.
    """
    rows = SQL.acts_on_people(
        pool,
        before_id=before_id or _NEWEST,
        account=account,
        is_default_account=is_default_account,
        most=most,
    )
    return [_row(row) async for row in rows]


def _encoded(values: Mapping[str, Any]) -> str:
    return msgspec.json.encode(dict(values)).decode()


def _row(row: Any) -> AuditRow:
    fields = dict(row)
    before = msgspec.json.decode(fields.pop("before"), type=dict[str, Any])
    after = fields.pop("after")
    return AuditRow(
        **{**fields, "outcome": Outcome(fields["outcome"])},
        before=before,
        after=None if after is None else msgspec.json.decode(after, type=dict[str, Any]),
    )
