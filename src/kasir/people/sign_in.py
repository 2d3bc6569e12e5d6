"""Sign in and out: passwords, second factors, sessions, and waits after wrong passwords.

A name that nobody has gets the same answer as a wrong password, after the same time. All counts and
sessions are in the database, so they hold for any number of servers.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest, digest
from typing import Final

from kasir.clock import Clock
from kasir.errors import KasirError
from kasir.limits import Limits
from kasir.people import second_factor
from kasir.people.passwords import Passwords
from kasir.people.roles import Role, roles_of
from kasir.store import audit
from kasir.store import people as store
from kasir.store.audit import Entry, Who
from kasir.store.database import Pool
from kasir.store.people import PersonRow
from kasir.store.vault import Vault

_TOKEN_BYTES: Final = 32
#: How long a session may be used before that is written down again.
_TOUCHED_AFTER: Final = timedelta(minutes=1)
#: The names of the acts in the audit log.
SIGN_IN: Final = "sign_in"
SIGN_OUT: Final = "sign_out"


class SignInRefused(KasirError):
    """The name, the password or the code is wrong, or the person may not sign in."""

    def __init__(self) -> None:
        super().__init__("the name, the password or the code is wrong")


class SignInSlowed(KasirError):
    """There were too many wrong passwords; nothing was looked at. `wait_s` is in seconds."""

    def __init__(self, wait_s: int) -> None:
        super().__init__(f"too many wrong passwords; try again in {wait_s} seconds")
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in person.

    Attributes:
        token: The secret in the browser's cookie.
        person: The person's name.
        roles: The person's role in each account that Kasir serves.
        account: The account that the pages show; empty if the person may see none.
        has_totp: Whether the person has a second factor.
    """

    token: str = field(repr=False)
    person: str
    roles: dict[str, Role]
    account: str
    has_totp: bool

    @property
    def csrf_token(self) -> str:
        """What each form of the session's pages contains: it depends on the account too.

        So a form of a page that shows another account is refused, for example after the account
        was switched in another window.
        """
        return digest(self.token.encode(), b"csrf " + self.account.encode(), sha256).hex()

    def is_own_form(self, csrf_token: str) -> bool:
        """Whether a posted form is of a page of this session and account."""
        return compare_digest(self.csrf_token.encode(), csrf_token.encode())


class SignIn:
    """Signs people in and out.

    Args:
        pool: The tables of the environment's account.
        vault: What opens the secrets of second factors.
        clock: The machine's clock; the twin's may jump.
        passwords: Verifies passwords.
        limits: The limits of sessions and guesses.
    """

    def __init__(
        self, pool: Pool, vault: Vault, clock: Clock, passwords: Passwords, limits: Limits
    ) -> None:
        self._pool = pool
        self._vault = vault
        self._clock = clock
        self._limits = limits
        self._passwords = passwords

    async def with_password(self, name: str, password: str, code: str, address: str) -> str:
        """Sign a person in; returns the token of a new session.

        Args:
            name: The name that was typed.
            password: The password that was typed.
            code: The code of the second factor; empty without one.
            address: The client's address; empty if it is not known.

        Raises:
            SignInSlowed: The guesses before must be waited for.
            SignInRefused: The name, the password or the code is wrong.
        """
        name, now = name.strip().lower(), self._clock.now()
        await self._count_guess(_key("name", name), self._limits.desk_guesses_max, now)
        if address:
            most = self._limits.desk_guesses_per_address_max
            await self._count_guess(_key("address", address), most, now)
        person = await store.person(self._pool, name)
        hashed = person.password if person and person.is_active else None
        is_right = await self._passwords.is_right(hashed, password)
        if not (is_right and person and await self._is_right_code(person, code, now)):
            await self._record(SIGN_IN, person.name if person else "", address, "refused")
            raise SignInRefused
        await store.forget_guesses(self._pool, _key("name", name))
        await store.uncount_guess(self._pool, _key("address", address), now)
        return await self._begin(person.name, address, "password")

    async def with_proxy(self, name: str, address: str) -> str | None:
        """Sign in a person whom a trusted proxy names; None if there is no such active person."""
        person = await store.person(self._pool, name.strip().lower())
        if person is None or not person.is_active:
            return None
        return await self._begin(person.name, address, "proxy")

    async def session(self, token: str, served: list[str]) -> Session | None:
        """Return a session; None if there is none or if it has ended.

        Args:
            token: The token in the browser's cookie.
            served: The accounts that Kasir serves, that of the environment first.
        """
        if not token:
            return None
        now, hashed = self._clock.now(), hash_of(token)
        row = await store.session(self._pool, hashed, *self._oldest(now))
        if row is None:
            return None
        if now - row.seen_at >= _TOUCHED_AFTER:
            await store.touch_session(self._pool, hashed, now)
        roles = roles_of(row.roles)
        own = {account: roles[account] for account in served if account in roles}
        account = row.account if row.account in own else next(iter(own), "")
        return Session(token, row.person, own, account, row.has_totp)

    async def is_right_password(self, person: PersonRow, password: str) -> bool:
        """Whether it is the person's password; wrong ones count as they do at the sign-in.

        Raises:
            SignInSlowed: The guesses before must be waited for.
        """
        key = _key("name", person.name)
        await self._count_guess(key, self._limits.desk_guesses_max, self._clock.now())
        is_right = await self._passwords.is_right(person.password, password)
        if is_right:
            await store.forget_guesses(self._pool, key)
        return is_right

    async def switch_account(self, session: Session, account: str) -> None:
        """Let a session show another account, if the person may see it."""
        if account in session.roles:
            await store.switch_account(self._pool, hash_of(session.token), account)

    async def sign_out(self, session: Session, address: str) -> None:
        """End a session."""
        await store.end_session(self._pool, hash_of(session.token))
        await self._record(SIGN_OUT, session.person, address, "")

    async def _begin(self, name: str, address: str, how: str) -> str:
        now, token = self._clock.now(), secrets.token_urlsafe(_TOKEN_BYTES)
        await store.end_old_sessions(self._pool, *self._oldest(now))
        forgotten_since = now - timedelta(seconds=self._limits.desk_guesses_s)
        await store.forget_old_guesses(self._pool, forgotten_since)
        await store.begin_session(self._pool, hash_of(token), name, now)
        await self._record(SIGN_IN, name, address, how)
        return token

    def _oldest(self, now: datetime) -> tuple[datetime, datetime]:
        """Since when a session must have been used, and since when it may have begun."""
        limits = self._limits
        idle, whole = limits.desk_session_idle_s, limits.desk_session_s
        return now - timedelta(seconds=idle), now - timedelta(seconds=whole)

    async def _is_right_code(self, person: PersonRow, code: str, now: datetime) -> bool:
        if person.totp is None:
            return True
        secret = self._vault.open(person.totp).decode()
        step = second_factor.step_of(secret, code, now)
        return step is not None and await store.use_totp_step(self._pool, person.name, step)

    async def _count_guess(self, key: str, free: int, now: datetime) -> None:
        limits = self._limits
        forgotten_since = now - timedelta(seconds=limits.desk_guesses_s)
        longest_s = limits.desk_guess_wait_s
        until = await store.guess(self._pool, key, now, forgotten_since, free, longest_s)
        if until:
            raise SignInSlowed(max(1, round((until - now).total_seconds())))

    async def _record(self, act: str, person: str, address: str, how: str) -> None:
        now, who = self._clock.now(), Who(person, address, "")
        error = "refused" if how == "refused" else ""
        entry = Entry(who=who, act=act, subject=person, is_about_people=True)
        row = await audit.begin(self._pool, entry, now)
        await audit.end(self._pool, row, {"by": how} if how else {}, now=now, error=error)


def hash_of(token: str) -> bytes:
    """Return the hash of a session's token, as the database has it."""
    return sha256(token.encode(errors="replace")).digest()


def _key(kind: str, text: str) -> str:
    """What guesses are counted by: a hash, because people type passwords into wrong fields."""
    return f"{kind} {sha256(text.encode(errors='replace')).hexdigest()}"
