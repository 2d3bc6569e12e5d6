"""The operator's small commands."""

from __future__ import annotations

from kasir.clock import SystemClock
from kasir.config import settings_from
from kasir.errors import SettingError
from kasir.jobs import queue
from kasir.store import api_keys, database
from kasir.wiring import database_of


async def migrate() -> None:
    """Bring the schema up to date and say what was done."""
    settings = settings_from()
    with database_of(settings) as dsn:
        async with database.connected(dsn, 2) as pool:
            done = await database.migrate(pool)
            await queue.install(pool)
    print("\n".join(done) if done else "up to date")


async def create_key(name: str) -> None:
    """Make a key and print it.

    Raises:
        SettingError: There is a key of that name.
    """
    if not name.strip():
        raise SettingError("NAME", "give the key a name")
    settings = settings_from()
    with database_of(settings) as dsn:
        async with database.connected(dsn, 2) as pool:
            await database.migrate(pool)
            print(await api_keys.create(pool, name, SystemClock().now()))
