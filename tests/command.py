"""The command `kasir` as a separate process."""

from __future__ import annotations

import asyncio
import os
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg

from fakes import KEY
from kasir.demo.journeys import JOURNEYS

KASIR: Final = [sys.executable, "-c", "from kasir.cli.main import main; main()"]
#: The time after which a test that waits for a program fails; a loaded machine needs far less.
PATIENCE_S: Final = 300.0
#: The settings that Kasir needs to start. No server listens at the twin's URL.
TWIN: Final = {
    "ADYEN_ENVIRONMENT": "twin",
    "ADYEN_TWIN_URL": "http://127.0.0.1:9",
    "ADYEN_HMAC_KEY": KEY,
}


def environment(given: dict[str, str]) -> dict[str, str]:
    """This process's environment variables without Kasir's settings, plus the given variables."""
    without_settings = {
        name: text for name, text in os.environ.items() if not name.startswith(("ADYEN_", "KASIR_"))
    }
    return without_settings | given


def kasir(*arguments: str, **given: str) -> subprocess.CompletedProcess[str]:
    """Run `kasir` with these arguments and environment variables until it exits."""
    return subprocess.run(
        [*KASIR, *arguments],
        env=environment(given),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def is_one_line(text: str) -> bool:
    """Whether an error message is one line without a traceback, as it must be."""
    return len(text.splitlines()) == 1 and "Traceback" not in text


def verdicts(out: str) -> dict[str, str]:
    """The rows of `kasir demo --check`: by journey `ok`, `FAIL` or `skip`."""
    rows = [line for line in out.splitlines() if line.startswith(("ok ", "FAIL ", "skip "))]
    # The reason of a row that is not `ok` follows the name, which may contain a colon too.
    return {_journey_of(row[6:]): row.split()[0] for row in rows}


def _journey_of(row: str) -> str:
    return next((name for name in JOURNEYS if row == name or row.startswith(f"{name}: ")), row)


@contextmanager
def running(*arguments: str, **given: str) -> Iterator[subprocess.Popen[str]]:
    """Start `kasir` with these arguments; it is killed at the end if it still runs."""
    with subprocess.Popen(
        [*KASIR, *arguments],
        env=environment(given),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def until_ready(url: str, tls: ssl.SSLContext | None = None) -> None:
    """Wait until the Kasir server at this URL answers that it is ready."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            with urllib.request.urlopen(f"{url}/health/ready", timeout=30, context=tls):
                return
        except OSError:
            assert time.monotonic() < deadline, f"{url} never became ready"
            time.sleep(0.05)


async def until_worker_listens(dsn: str, process: subprocess.Popen[str]) -> None:
    """Wait until a worker listens for jobs in this database."""
    connection = await asyncpg.connect(dsn)
    deadline = time.monotonic() + PATIENCE_S
    try:
        while not await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND query ILIKE '%listen%'"
        ):
            assert process.poll() is None, process.stderr
            assert time.monotonic() < deadline, "the worker never listened"
            await asyncio.sleep(0.05)
    finally:
        await connection.close()
