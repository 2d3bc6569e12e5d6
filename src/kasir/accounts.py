"""All merchant accounts of a Kasir: that of the environment, and those of the database.

Requests, notifications and jobs are given the parts of the account that they belong to. The parts
of an account are built when they are needed first, and again after a change of its settings.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from time import monotonic
from typing import Final, Generic, Protocol, TypeVar

import structlog

from kasir.account_settings import settings_of
from kasir.config import Settings
from kasir.errors import AccountUnavailable, KasirError, SettingError
from kasir.ids import tag_of_link
from kasir.jobs.schema import TABLES
from kasir.store import accounts as store
from kasir.store.accounts import Account
from kasir.store.api_keys import ApiKeys, tag_of_key
from kasir.store.database import DRIVER_ERRORS, Pool
from kasir.store.vault import Vault
from kasir.telemetry.logs import hide_secrets

#: The shortest wait between two reads of the accounts because of an unknown name.
_MISS_EVERY_S: Final = 1.0

_log = structlog.get_logger("kasir.accounts")


class AccountParts(Protocol):
    """What this module needs of the parts of an account; `kasir.wiring.Parts` has it."""

    @property
    def settings(self) -> Settings:
        """The settings of the account."""

    @property
    def api_keys(self) -> ApiKeys:
        """The keys of the account's shop."""


P = TypeVar("P", bound=AccountParts)
#: Opens the parts of an account of the database with its settings.
Open = Callable[[Account, Settings], AbstractAsyncContextManager[P]]


@dataclass(frozen=True, slots=True)
class _Opened(Generic[P]):
    account: Account
    parts: P
    stack: AsyncExitStack


@dataclass(slots=True)
class _Known:
    """The accounts as they were read last.

    Attributes:
        state: Changes with every change of an account.
        by_tag: The accounts, by tag.
        settings: The settings of each, by name; None if they cannot be used.
    """

    state: str = ""
    by_tag: dict[str, Account] = field(default_factory=dict)
    settings: dict[str, Settings | None] = field(default_factory=dict)


class Accounts(Generic[P]):
    """The accounts, and the parts of each.

    Args:
        default: The parts of the environment's account.
        pool: The database.
        open_parts: Opens the parts of an account of the database.
    """

    def __init__(self, default: P, pool: Pool, open_parts: Open[P]) -> None:
        self.default = default
        #: Set once an account of the database was read.
        self.are_several = asyncio.Event()
        self._pool = pool
        self._vault = Vault(default.settings.secrets)
        self._open_parts = open_parts
        self._known = _Known()
        self._missed_at = -_MISS_EVERY_S
        self._refreshing = asyncio.Lock()
        self._opened: dict[str, _Opened[P]] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def others(self) -> list[Account]:
        """The accounts of the database, disabled ones too, as they were read last."""
        return [*self._known.by_tag.values()]

    def is_usable(self, name: str) -> bool:
        """Whether the settings and the tables of an account of the database can be used."""
        account = self._known.by_tag.get(store.tag_of(name))
        has_settings = self._known.settings.get(name) is not None
        return has_settings and account is not None and account.tables == TABLES

    @property
    def version(self) -> str:
        """A text that changes with every change of an account that was read."""
        return self._known.state

    async def refresh(self) -> None:
        """Read the accounts again if one has changed."""
        state = await store.state(self._pool)
        if state == self._known.state:
            return
        found = await store.accounts(self._pool, self._vault)
        self._known = _Known(
            state,
            {account.tag: account for account in found},
            {account.name: self._settings(account) for account in found},
        )
        if found:
            self.are_several.set()

    async def refresh_after_refusal(self) -> None:
        """Read the accounts again, at most once in a while, because no key verifies a message."""
        async with self._refreshing:  # Requests that fail together wait for one read.
            try:
                await self._refresh_after_miss()
            except (*DRIVER_ERRORS, KasirError) as error:
                _log.warning("accounts were not read", error=type(error).__name__)

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Read changes of the accounts regularly while this context lasts; close their parts."""
        following = asyncio.create_task(self._follow())
        try:
            yield
        finally:
            following.cancel()
            await self.close()

    async def close(self) -> None:
        """Close the parts of all accounts of the database."""
        closing = [*self._closing]
        for task in closing:
            task.cancel()  # Ends its wait; it closes the parts then.
        if closing:
            await asyncio.wait(closing)
        opened, self._opened = [*self._opened.values()], {}
        for one in opened:
            await one.stack.aclose()

    async def by_tag(self, tag: str) -> Account | None:
        """Return the account of the database with this tag."""
        if tag not in self._known.by_tag:
            await self._refresh_after_miss()
        return self._known.by_tag.get(tag)

    async def settings_of(self, name: str) -> Settings | None:
        """Return the settings of the account with this code, also if it is disabled.

        Raises:
            AccountUnavailable: They cannot be used.
        """
        if name == self.default.settings.merchant_account:
            return self.default.settings
        account = await self.by_tag(store.tag_of(name))
        if account is None or account.name != name:
            return None
        settings = self._known.settings[name]
        if settings is None:
            raise AccountUnavailable(name)
        return settings

    async def parts_of(self, name: str) -> P:
        """Return the parts of the account with this code, also if it is disabled.

        Raises:
            AccountUnavailable: There is none, or its settings or tables cannot be used.
        """
        if name == self.default.settings.merchant_account:
            return self.default
        account = await self.by_tag(store.tag_of(name))
        if account is None:
            raise AccountUnavailable(name)
        return await self.open(account)

    async def enabled(self, name: str) -> P:
        """Return the parts of the account with this code.

        Raises:
            AccountUnavailable: There is none, or it is disabled or cannot be used.
        """
        account = await self.by_tag(store.tag_of(name))
        if account and not account.is_enabled:
            raise AccountUnavailable(name)
        return await self.parts_of(name)

    async def of_key(self, key: str) -> P | None:
        """Return the parts of the account whose shop has this key; None for an unknown key.

        Keys are compared by their hashes, so the time that it takes does not reveal a key.

        Raises:
            AccountUnavailable: The account's settings or tables cannot be used.
        """
        account = await self.by_tag(tag) if (tag := tag_of_key(key)) else None
        if account is None and await self.default.api_keys.admits(key):
            return self.default
        account = account or self._with_own_key(key)
        if account is None:
            await self._refresh_after_miss()
            account = self._with_own_key(key)
        if account is None or not account.is_enabled:
            return None
        parts = await self.open(account)
        return parts if await parts.api_keys.admits(key) else None

    async def of_link(self, link_id: str) -> P:
        """Return the parts of the account that made a payment link with this id.

        For an id of an unknown account it returns those of the environment's account, which has
        no such link.

        Raises:
            AccountUnavailable: The account's settings or tables cannot be used.
        """
        account = await self.by_tag(tag) if (tag := tag_of_link(link_id)) else None
        return await self.open(account) if account and account.is_enabled else self.default

    def settings(self) -> Iterator[Settings]:
        """The settings of each account, but for accounts whose settings cannot be used."""
        yield self.default.settings
        yield from (settings for settings in self._known.settings.values() if settings)

    async def open(self, account: Account) -> P:
        """Return the parts of an account of the database; builds them if they are not open yet.

        Raises:
            AccountUnavailable: The account's settings or tables cannot be used.
        """
        if opened := self._current(account):
            return opened.parts
        async with self._locks[account.name]:
            if opened := self._current(account):
                return opened.parts
            settings = self._known.settings.get(account.name)
            if settings is None or account.tables != TABLES:
                raise AccountUnavailable(account.name)
            stack = AsyncExitStack()
            parts = await stack.enter_async_context(self._open_parts(account, settings))
            earlier = self._opened.get(account.name)
            self._opened[account.name] = _Opened(account, parts, stack)
            if earlier:
                self._close_later(earlier)
            return parts

    def _current(self, account: Account) -> _Opened[P] | None:
        opened = self._opened.get(account.name)
        return opened if opened and opened.account.variables == account.variables else None

    def _close_later(self, opened: _Opened[P]) -> None:
        """Close parts with earlier settings when the requests that use them have ended."""

        async def close() -> None:
            try:
                await asyncio.sleep(self.default.settings.limits.stop_s)
            finally:
                await opened.stack.aclose()

        task = asyncio.create_task(close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _with_own_key(self, key: str) -> Account | None:
        """The account whose settings have this key as KASIR_API_KEY."""
        hashed = sha256(key.encode(errors="replace")).digest()
        for account in self._known.by_tag.values():
            settings = self._known.settings[account.name]
            own = settings.api_key if settings else None
            if own and sha256(own.encode()).digest() == hashed:
                return account
        return None

    def _settings(self, account: Account) -> Settings | None:
        try:
            variables = account.opened()
            hide_secrets(variables)
            return settings_of(self.default.settings, account.name, variables)
        except SettingError as error:
            _log.error("account cannot be used", account=account.name, error=str(error))
            return None

    async def _refresh_after_miss(self) -> None:
        """Read the accounts again, at most once in a while, because a caller knows another one."""
        if monotonic() >= self._missed_at + _MISS_EVERY_S:
            self._missed_at = monotonic()
            await self.refresh()

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(self.default.settings.limits.accounts_read_every_s)
            try:
                await self.refresh()
            except (*DRIVER_ERRORS, KasirError) as error:
                _log.warning("accounts were not read", error=type(error).__name__)
