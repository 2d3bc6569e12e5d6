"""Measures what merchant accounts in the database cost: start, idle load, memory and metrics.

Run it as `python scripts/measure_accounts.py 200`. It measures a process that serves and works, on
an empty database with one account, and then on one with that many accounts. Nothing is due in
either. The limits of docs/accounts.md are checked: the exit code is 1 if one is exceeded.
"""

from __future__ import annotations

import asyncio
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import httpx

from kasir.account_parts import open_accounts
from kasir.accounts import Accounts
from kasir.config import Settings, settings_from
from kasir.embedded.server import embedded
from kasir.jobs.account_worker import work_for_all
from kasir.jobs.schema import bring_up_to_date
from kasir.store import accounts as store
from kasir.store import database
from kasir.store.vault import Vault
from kasir.web.app import create_app
from kasir.wiring import Parts, open_parts

#: How long an idle process is measured, after it has settled for as long as a look may wait.
_SETTLE_S: Final = 40.0
_IDLE_S: Final = 30.0
#: The most that the many accounts may cost, as ratios to one account.
_START_MAX: Final = 10.0
_MEMORY_MAX: Final = 2.0
#: The most of one processor that the idle process with many accounts may use.
_IDLE_MAX: Final = 0.25
#: The longest that `/metrics` may take. Prometheus waits 10 seconds by default.
_METRICS_S_MAX: Final = 5.0
_KEY: Final = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"


def main() -> None:
    """Measure one account, then many, each in a process of its own; print the ratios."""
    if sys.argv[2:]:
        asyncio.run(_measure(sys.argv[1], int(sys.argv[2])))
        return
    count = int(sys.argv[1])
    folder = Path(tempfile.mkdtemp(prefix="kasir-accounts-"))
    try:
        with embedded(folder, {"fsync": "off", "synchronous_commit": "off"}) as dsn:
            one = _measured(dsn, 1)
            began = time.perf_counter()
            asyncio.run(_add(dsn, count - 1))
            print(f"adding {count - 1} accounts: {time.perf_counter() - began:.1f} s")
            many = _measured(dsn, count)
    finally:
        shutil.rmtree(folder)
    names = (
        "start, s",
        "memory, MB",
        "idle, processors",
        "/metrics, s",
        "idle statements per s",
    )
    for name, first, last in zip(names, one, many, strict=True):
        print(f"{name}: {first:.3f} with 1 account, {last:.3f} with {count}: x{last / first:.1f}")
    start, memory, idle, metrics, _ = many
    bounds = (
        start <= _START_MAX * one[0],
        memory <= _MEMORY_MAX * one[1],
        idle <= _IDLE_MAX,
        metrics <= _METRICS_S_MAX,
    )
    sys.exit(0 if all(bounds) else 1)


def _measured(dsn: str, count: int) -> list[float]:
    done = subprocess.run(
        [sys.executable, __file__, dsn, str(count)], check=True, capture_output=True, text=True
    )
    return [float(figure) for figure in done.stdout.split()[-5:]]


async def _add(dsn: str, count: int) -> None:
    settings = _settings(dsn)
    async with database.connected(dsn, 2) as pool:
        for number in range(count):
            variables = {"ADYEN_HMAC_KEY": _KEY, "KASIR_API_KEY": f"the-key-of-shop-{number}"}
            await store.add(
                pool, Vault(settings.secrets), f"Shop{number}", variables, datetime.now(UTC)
            )
    await bring_up_to_date(dsn, settings.limits)


async def _measure(dsn: str, count: int) -> None:
    """Print the start in seconds, the memory in MB, and the load and statements of idling."""
    began, stop = time.perf_counter(), asyncio.Event()
    async with open_parts(_settings(dsn)) as parts, open_accounts(parts) as accounts:
        start_s = time.perf_counter() - began
        for account in accounts.others:
            await accounts.open(account)  # As if each had been used.
        if len(accounts.others) != count - 1:
            raise RuntimeError(f"there are {len(accounts.others)} accounts of the database")
        working = asyncio.create_task(work_for_all(parts, accounts, stop))
        await asyncio.sleep(_SETTLE_S)
        before, cpu = await parts.pool.fetchval(_COMMITS), time.process_time()
        await asyncio.sleep(_IDLE_S)
        idle = (time.process_time() - cpu) / _IDLE_S
        commits = (await parts.pool.fetchval(_COMMITS) - before) / _IDLE_S
        metrics_s = await _metrics(parts, accounts)
        memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        stop.set()
        await working
    print(start_s, memory_mb, idle, metrics_s, commits)


async def _metrics(parts: Parts, accounts: Accounts[Parts]) -> float:
    """How long `/metrics` takes, in seconds, while nothing else runs."""
    app = create_app(parts.settings)
    app.state.parts, app.state.accounts = parts, accounts
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]  # ASGI, with Litestar's own types.
    async with httpx.AsyncClient(transport=transport, base_url="http://kasir") as client:
        began = time.perf_counter()
        answer = await client.get("/metrics", timeout=60)
        answer.raise_for_status()
        return time.perf_counter() - began


_COMMITS: Final = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"


def _settings(dsn: str) -> Settings:
    return settings_from(
        {
            "ADYEN_ENVIRONMENT": "twin",
            "ADYEN_TWIN_URL": "http://127.0.0.1:9",
            "ADYEN_HMAC_KEY": _KEY,
            "KASIR_DATABASE_URL": dsn,
        }
    )


if __name__ == "__main__":
    main()
