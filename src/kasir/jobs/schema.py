"""Creates and upgrades the tables of Kasir and of the job engine, for every merchant account."""

from __future__ import annotations

from typing import Final

from kasir.jobs import engine
from kasir.limits import Limits
from kasir.store import accounts, database
from kasir.store.database import Pool
from kasir.store.schemas import schema_pool

#: The version of the tables of a stored account (a merchant account with settings in the database).
TABLES: Final = f"{database.migrations()[-1]} pgqueuer {engine.VERSION}"


async def bring_up_to_date(dsn: str, limits: Limits) -> list[str]:
    """Upgrade the tables of every merchant account. Returns the names of the applied migrations.

    Raises:
        DatabaseUnavailable: PostgreSQL cannot be used, or refused a change.
    """
    async with database.changing(dsn, limits) as pool:
        done = await database.migrate(pool)
        await engine.install(pool)
        await accounts.migrate_control_table(pool)
        for name, tables in (await accounts.tables(pool)).items():
            if tables != TABLES:
                done += await _bring_account_up_to_date(pool, name)
    return done


async def _bring_account_up_to_date(pool: Pool, name: str) -> list[str]:
    """Upgrade the tables of a stored account. Returns the names of the applied migrations."""
    schema = accounts.schema_of(name)
    account_pool = schema_pool(pool, schema, 1)
    done = await database.migrate(account_pool)
    await engine.install(account_pool, schema)
    await accounts.set_tables(pool, name, TABLES)
    return [f"{name} {migration}" for migration in done]
