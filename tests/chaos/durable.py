"""A database as durable as one in earnest, which a test may stop, crash and start again."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import asyncpg

from kasir.embedded.server import embedded

#: How PostgreSQL may end: clients cut off and all written, nothing written, nothing at all.
FAST: Final = signal.SIGINT
IMMEDIATE: Final = signal.SIGQUIT
CRASH: Final = signal.SIGKILL


class Database:
    """PostgreSQL with the settings it has in earnest."""

    def __init__(self, folder: Path, dsn: str, stack: ExitStack) -> None:
        self.dsn = dsn
        self.folder = folder
        self._stack = stack

    def restart(self, how: signal.Signals) -> None:
        """End it in one of its ways, and start it again."""
        self.end(how)
        with (self.folder / "server.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # Every process of it holds this as long as it lives.
        again = self._stack.enter_context(embedded(self.folder))
        assert again == self.dsn

    def end(self, how: signal.Signals) -> None:
        """End it in one of its ways, and leave it so."""
        noted = (self.folder / "postgres" / "data" / "postmaster.pid").read_text()
        os.kill(int(noted.splitlines()[0]), how)

    async def cut(self) -> int:
        """Cut every connection to it; gives how many there were."""
        connection = await asyncpg.connect(self.dsn)
        try:
            cut = await connection.fetchval(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        finally:
            await connection.close()
        return int(cut)


@contextmanager
def durable() -> Iterator[Database]:
    """Run such a database for as long as the context lasts."""
    # Not below pytest's folders, which only their owner enters; and PostgreSQL is not root.
    folder = Path(tempfile.mkdtemp(prefix="kasir-chaos-"))
    try:
        with ExitStack() as stack:
            dsn = stack.enter_context(embedded(folder))
            yield Database(folder, dsn, stack)
    finally:
        shutil.rmtree(folder)
