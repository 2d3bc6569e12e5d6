"""The figures of the accounts of the database, for the metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic

from kasir.accounts import Accounts
from kasir.errors import AccountUnavailable
from kasir.limits import Limits
from kasir.store import database
from kasir.store.accounts import Account
from kasir.wiring import Parts


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: the name and the help text of its metric, its value, and its further labels."""

    name: str
    help_text: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


#: Reads the figures of an account.
Read = Callable[[Parts], Awaitable[Sequence[Figure]]]


@dataclass(frozen=True, slots=True)
class KeptFigures:
    """The figures of an account as they were read last; none if it cannot be used.

    `read_at` is a monotonic time in seconds.
    """

    figures: Sequence[Figure]
    is_usable: bool
    read_at: float


class AccountFigures:
    """Keeps the figures of the accounts of the database, and reads the oldest of them again.

    Reading those of hundreds of accounts takes longer than a scraper waits.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._kept: dict[str, KeptFigures] = {}

    async def refreshed(self, accounts: Accounts[Parts], read: Read) -> Mapping[str, KeptFigures]:
        """Read figures for a limited time, of one account at least, the oldest first.

        Returns:
            The figures by account; an account that was never read is missing.
        """
        end = monotonic() + self._limits.accounts_figures_s
        known = {account.name: account for account in accounts.others}
        self._kept = {name: kept for name, kept in self._kept.items() if name in known}
        for name in sorted(known, key=self._read_at):
            self._kept[name] = await self._read(accounts, known[name], read)
            if monotonic() >= end:
                break
        return dict(self._kept)

    def _read_at(self, name: str) -> float:
        kept = self._kept.get(name)
        return kept.read_at if kept else 0.0

    async def _read(self, accounts: Accounts[Parts], account: Account, read: Read) -> KeptFigures:
        try:
            async with asyncio.timeout(self._limits.account_figures_s):
                figures = await read(await accounts.open(account))
        except (AccountUnavailable, *database.DRIVER_ERRORS):
            return KeptFigures((), is_usable=False, read_at=monotonic())
        return KeptFigures(figures, is_usable=True, read_at=monotonic())
