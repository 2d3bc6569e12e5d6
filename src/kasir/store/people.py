"""The people of the desk, their sessions, and the count of wrong passwords.

All functions take the pool of the environment's account, whose tables have the people of all
accounts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import msgspec

from kasir.store.database import Connection, Pool, queries

SQL: Final = queries("people")

Roles = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PersonRow:
    """A person, with what proves who they are.

    Attributes:
        name: The person's name.
        password: The hash of the password.
        totp: The sealed secret of the second factor; None without one.
        totp_pending: A sealed secret that is not confirmed yet.
        is_active: Whether the person may sign in.
        roles: The name of the role in each account.
    """

    name: str
    password: str = field(repr=False)
    totp: bytes | None = field(repr=False)
    totp_pending: bytes | None = field(repr=False)
    is_active: bool
    roles: Roles


@dataclass(frozen=True, slots=True)
class ListedPerson:
    """A person as a list shows them."""

    name: str
    is_active: bool
    has_totp: bool
    created_at: datetime
    roles: Roles


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session that has not ended, and what its person may do."""

    person: str
    account: str
    seen_at: datetime
    has_totp: bool
    roles: Roles


async def add(connection: Connection | Pool, name: str, password: str, now: datetime) -> bool:
    """Add a person without a role; returns whether the name was free."""
    return bool(await SQL.add_person(connection, name=name, password=password, now=now))


async def person(pool: Pool, name: str) -> PersonRow | None:
    """Return a person; None if there is none of that name."""
    row = await SQL.person(pool, name=name)
    if row is None:
        return None
    return PersonRow(
        name=row["name"],
        password=row["password"],
        totp=row["totp"],
        totp_pending=row["totp_pending"],
        is_active=row["is_active"],
        roles=_roles(row["roles"]),
    )


async def listed(pool: Pool, account: str | None = None) -> list[ListedPerson]:
    """Return the people with a role in an account, or all people, by name."""
    rows = SQL.people(pool) if account is None else SQL.people_of(pool, account=account)
    return [
        ListedPerson(
            name=row["name"],
            is_active=row["is_active"],
            has_totp=row["has_totp"],
            created_at=row["created_at"],
            roles=_roles(row["roles"]),
        )
        async for row in rows
    ]


async def set_role(connection: Connection | Pool, name: str, account: str, role: str) -> None:
    """Give a person a role in an account, instead of the one that they had in it."""
    await SQL.set_role(connection, name=name, account=account, role=role)


async def remove_role(pool: Pool, name: str, account: str) -> bool:
    """Take away a person's role in an account; returns whether they had one."""
    return bool(await SQL.remove_role(pool, name=name, account=account))


async def set_password(connection: Connection, name: str, password: str, kept: bytes) -> None:
    """Replace a person's password, and end their sessions, but for the one with the hash `kept`."""
    await SQL.set_password(connection, name=name, password=password)
    await SQL.end_sessions(connection, name=name, but=kept)


async def set_active(connection: Connection, name: str, *, is_active: bool) -> None:
    """Let a person sign in, or refuse it and end their sessions."""
    await SQL.set_active(connection, name=name, is_active=is_active)
    if not is_active:
        await SQL.end_sessions(connection, name=name, but=b"")


async def propose_totp(pool: Pool, name: str, secret: bytes) -> None:
    """Keep a sealed secret until a code confirms it."""
    await SQL.propose_totp(pool, name=name, secret=secret)


async def confirm_totp(pool: Pool, name: str, step: int) -> bool:
    """Use the proposed secret from now on; returns whether there is one."""
    return bool(await SQL.confirm_totp(pool, name=name, step=step))


async def remove_totp(pool: Pool, name: str) -> None:
    """Let a person sign in without a second factor."""
    await SQL.remove_totp(pool, name=name)


async def use_totp_step(pool: Pool, name: str, step: int) -> bool:
    """Use a code of a time step; returns whether no code of it or of a later one was used."""
    return bool(await SQL.use_totp_step(pool, name=name, step=step))


async def begin_session(pool: Pool, hashed: bytes, name: str, now: datetime) -> None:
    """Begin a session; `hashed` is the hash of its token."""
    await SQL.begin_session(pool, hash=hashed, person=name, now=now)


async def session(
    pool: Pool, hashed: bytes, idle_since: datetime, begun_since: datetime
) -> SessionRow | None:
    """Return a session; None if it has ended.

    Args:
        pool: The database.
        hashed: The hash of its token.
        idle_since: If it was not used since then, it has ended.
        begun_since: If it began before that, it has ended.
    """
    row = await SQL.session(pool, hash=hashed, idle_since=idle_since, begun_since=begun_since)
    if row is None:
        return None
    return SessionRow(
        person=row["person"],
        account=row["account"],
        seen_at=row["seen_at"],
        has_totp=row["has_totp"],
        roles=_roles(row["roles"]),
    )


async def touch_session(pool: Pool, hashed: bytes, now: datetime) -> None:
    """Record that a session is in use."""
    await SQL.touch_session(pool, hash=hashed, now=now)


async def switch_account(pool: Pool, hashed: bytes, account: str) -> None:
    """Let a session show another account."""
    await SQL.switch_account(pool, hash=hashed, account=account)


async def end_session(pool: Pool, hashed: bytes) -> None:
    """End a session."""
    await SQL.end_session(pool, hash=hashed)


async def end_old_sessions(pool: Pool, idle_since: datetime, begun_since: datetime) -> None:
    """Remove sessions that have ended by themselves."""
    await SQL.end_old_sessions(pool, idle_since=idle_since, begun_since=begun_since)


async def guess(
    pool: Pool, key: str, now: datetime, forgotten_since: datetime, free: int, longest_s: float
) -> datetime | None:
    """Count a guess of a password; returns until when to wait, or None if it may be looked at.

    Args:
        pool: The database.
        key: What guesses are counted by.
        now: The time.
        forgotten_since: If there was no guess since then, the count begins again.
        free: How many guesses need no wait after them.
        longest_s: The longest wait.
    """
    counted = await SQL.guess(
        pool, key=key, now=now, forgotten_since=forgotten_since, free=free, longest_s=longest_s
    )
    if counted is not None:
        return None
    until: datetime | None = await SQL.waits_until(pool, key=key)
    return until


async def uncount_guess(pool: Pool, key: str, now: datetime) -> None:
    """Undo one count of a guess, because it was right."""
    await SQL.uncount_guess(pool, key=key, now=now)


async def forget_guesses(pool: Pool, key: str) -> None:
    """Begin a count of guesses again."""
    await SQL.forget_guesses(pool, key=key)


async def forget_old_guesses(pool: Pool, before: datetime) -> None:
    """Remove counts that began again anyway."""
    await SQL.forget_old_guesses(pool, before=before)


def _roles(text: Any) -> Roles:
    return msgspec.json.decode(text, type=dict[str, str]) if text else {}
