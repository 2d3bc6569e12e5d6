"""`kasir desk user`: adds, lists, changes and disables people; `kasir desk audit` lists their acts.

Passwords come from standard input, or Kasir makes them; never from the command line, which other
users of the machine can read. Each change is in the audit log.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

import msgspec

from kasir.cli.operator import table
from kasir.clock import SystemClock
from kasir.config import Settings, settings_from
from kasir.errors import InvalidRequest, NotFound, SettingError
from kasir.jobs.schema import bring_up_to_date
from kasir.people.acts import Record, recorded
from kasir.people.administration import Administration, checked_name
from kasir.people.passwords import Passwords, made
from kasir.people.roles import Role
from kasir.store import accounts, audit, database
from kasir.store.audit import AuditRow, Entry, Who
from kasir.store.database import Pool
from kasir.store.people import ListedPerson
from kasir.store.schemas import schema_pool
from kasir.store.vault import Vault
from kasir.wiring import database_of

#: Who acts, in the audit log.
_OPERATOR: Final = "(command line)"


class ShownPerson(msgspec.Struct, rename="camel", kw_only=True):
    """A person as the operator sees them."""

    name: str
    is_active: bool
    has_second_factor: bool
    created_at: datetime
    roles: Mapping[str, str]


class _Desk:
    """The people of an open database."""

    def __init__(self, settings: Settings, pool: Pool) -> None:
        self.pool = pool
        self.clock = SystemClock()
        self.settings = settings
        passwords = Passwords(settings.limits.desk_hashes_max)
        self.people = Administration(pool, Vault(settings.secrets), self.clock, passwords)

    @asynccontextmanager
    async def recorded(
        self, act: str, name: str, account: str = "", before: Mapping[str, object] | None = None
    ) -> AsyncIterator[Record]:
        """Run an act in this context, and record it in the audit log."""
        entry = Entry(
            who=Who(_OPERATOR, "", account),
            act=act,
            subject=name,
            before=before or {},
            is_about_people=True,
        )
        async with recorded(self.pool, self.clock, entry) as record:
            yield record

    async def account(self, name: str | None) -> str:
        """Return the account of the option `--account`.

        Raises:
            SettingError: There is no such account.
        """
        own = self.settings.merchant_account
        if name is not None and name != own and name not in await accounts.tables(self.pool):
            cure = f"there is no account {name!r}; `kasir account list` lists them"
            raise SettingError("--account", cure)
        return name or own


async def add_user(name: str, role: str, account: str | None, *, is_from_stdin: bool) -> None:
    """Add a person, or give one another role in an account.

    Raises:
        SettingError: The name or the password is malformed, or there is no such account.
    """
    async with _opened() as desk:
        of_account, name = await desk.account(account), checked_name(name)
        known = {person.name: person for person in await desk.people.listed()}
        if name in known:
            before = {"role": known[name].roles.get(of_account)}
            async with desk.recorded("person.set_role", name, of_account, before) as record:
                await desk.people.set_role(name, of_account, Role(role))
                record.after = {"role": role}
            print(f"{name} is {role} in {of_account} now")
            return
        password = _password(is_from_stdin=is_from_stdin)
        async with desk.recorded("person.add", name, of_account) as record:
            await desk.people.add(name, password, of_account, Role(role))
            record.after = {"role": role}
        _print_password(name, password, is_from_stdin=is_from_stdin)


async def list_users(*, as_json: bool) -> None:
    """Print all people."""
    async with _opened() as desk:
        rows = [_shown(person) for person in await desk.people.listed()]
    table(rows, _line, "people", as_json=as_json)


async def change_user(name: str, *, is_active: bool) -> None:
    """Let a person sign in, or refuse it.

    Raises:
        SettingError: There is no such person.
    """
    act = "person.enable" if is_active else "person.disable"
    async with _opened() as desk:
        person = await desk.people.person(name)
        before = {"isActive": person.is_active}
        async with desk.recorded(act, person.name, before=before) as record:
            await desk.people.set_active(person.name, is_active=is_active)
            record.after = {"isActive": is_active}
    print(f"{person.name} {'may sign in' if is_active else 'is disabled and signed out'}")


async def remove_role(name: str, account: str | None) -> None:
    """Take away a person's role in an account.

    Raises:
        SettingError: There is no such person, or no such account.
    """
    async with _opened() as desk:
        # Not `desk.account`: a role may be in an account that is the environment's no longer.
        of_account = account or desk.settings.merchant_account
        person = await desk.people.person(name)
        if of_account not in person.roles:
            raise SettingError("NAME", f"{person.name} has no role in {of_account}")
        before = {"role": person.roles[of_account]}
        async with desk.recorded("person.remove_role", person.name, of_account, before) as record:
            await desk.people.remove_role(person.name, of_account)
            record.after = {"role": None}
    print(f"{person.name} has no role in {of_account} now")


async def set_password(name: str, *, is_from_stdin: bool, keeps_second_factor: bool) -> None:
    """Give a person another password.

    Raises:
        SettingError: There is no such person, or the password is too short.
    """
    async with _opened() as desk:
        person = await desk.people.person(name)
        password = _password(is_from_stdin=is_from_stdin)
        before = {"secondFactor": person.totp is not None}
        async with desk.recorded("person.reset_password", person.name, before=before) as record:
            await desk.people.set_password(person.name, password)
            if not keeps_second_factor:
                await desk.people.remove_second_factor(person.name)
            record.after = {"secondFactor": person.totp is not None and keeps_second_factor}
    _print_password(person.name, password, is_from_stdin=is_from_stdin)


async def list_acts(most: int, account: str | None, *, on_people: bool, as_json: bool) -> None:
    """Print the acts of the audit log, newest first: those in an account, or those on people.

    Raises:
        SettingError: There is no such account.
    """
    async with _opened() as desk:
        name = await desk.account(account)
        is_first = name == desk.settings.merchant_account
        pool = desk.pool if is_first else schema_pool(desk.pool, accounts.schema_of(name), 2)
        if on_people:
            rows = await audit.acts_on_people(desk.pool, name, most, is_default_account=is_first)
        else:
            rows = await audit.acts(pool, most)
    table(rows, _act_line, "acts", as_json=as_json)


def _act_line(row: AuditRow) -> str:
    when, about = row.at.isoformat(timespec="seconds"), f"{row.act:<22} {row.subject}"
    reason = msgspec.json.encode(row.reason).decode() if row.reason else ""
    return f"{row.id:>8}  {when}  {row.person:<16} {about}  {row.outcome}  {reason}".rstrip()


def _shown(person: ListedPerson) -> ShownPerson:
    return ShownPerson(
        name=person.name,
        is_active=person.is_active,
        has_second_factor=person.has_totp,
        created_at=person.created_at,
        roles=person.roles,
    )


def _line(person: ShownPerson) -> str:
    state = "active" if person.is_active else "disabled"
    factor = "second factor" if person.has_second_factor else "password only"
    roles = " ".join(f"{account}:{role}" for account, role in sorted(person.roles.items()))
    return f"{person.name:<24} {state:<9} {factor:<14} {roles}".rstrip()


def _password(*, is_from_stdin: bool) -> str:
    return sys.stdin.readline().rstrip("\r\n") if is_from_stdin else made()


def _print_password(name: str, password: str, *, is_from_stdin: bool) -> None:
    print(f"{name} may sign in" if is_from_stdin else password)


@asynccontextmanager
async def _opened() -> AsyncIterator[_Desk]:
    """Open the database, bring it up to date, and report what is wrong with an argument.

    Raises:
        SettingError: An argument is wrong.
    """
    settings = settings_from()
    with database_of(settings) as dsn:
        await bring_up_to_date(dsn, settings.limits)
        async with database.connected(dsn, 2, settings.limits) as pool:
            try:
                yield _Desk(settings, pool)
            except InvalidRequest as error:
                fault = error.faults[0]
                raise SettingError(fault.field, fault.cure.rstrip(".")) from error
            except NotFound as error:
                cure = f"there is {error}; `kasir desk user list` lists them"
                raise SettingError("NAME", cure) from error
