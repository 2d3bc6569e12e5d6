"""Builds the parts of the accounts of the database, on the connections of the process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from kasir.accounts import Accounts
from kasir.config import Settings
from kasir.gateway.wire import Wire
from kasir.ids import AccountIds
from kasir.shared_parts import Base
from kasir.store.accounts import Account
from kasir.store.schemas import reserve, schema_pool
from kasir.wiring import Parts, milliseconds


@asynccontextmanager
async def open_accounts(parts: Parts) -> AsyncIterator[Accounts[Parts]]:
    """Open the accounts of the database beside the environment's; follow their changes.

    Args:
        parts: The open parts of the environment's account.
    """

    @asynccontextmanager
    async def open_account(account: Account, settings: Settings) -> AsyncIterator[Parts]:
        pool = schema_pool(parts.pool, account.schema, settings.limits.account_connections_max)
        async with Wire.of(settings) as wire:
            base = Base(
                settings=settings,
                pool=pool,
                wire=wire,
                clock=parts.clock,
                machine=parts.times.machine,
                ids=AccountIds(milliseconds, account.tag),
                asker=parts.payments.asker.number,
            )
            own = Parts.built(base)
            async with own.inbox.writing():
                yield own

    # A view of its own: the environment's account may wait for the connections that it may use.
    accounts = Accounts(parts, schema_pool(parts.pool, "", 1), open_account)
    await accounts.refresh()
    reserving = asyncio.create_task(_reserve_when_several(accounts, parts))
    try:
        async with accounts.following():
            yield accounts
    finally:
        reserving.cancel()


async def _reserve_when_several(accounts: Accounts[Parts], parts: Parts) -> None:
    """Reserve connections for the accounts of the database once there is one."""
    await accounts.are_several.wait()
    await reserve(parts.pool)
