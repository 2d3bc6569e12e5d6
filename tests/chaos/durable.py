"""A PostgreSQL with production durability that a test can stop, crash and restart."""

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

#: The ways to stop PostgreSQL: it writes all data first, it writes no data, or it is killed.
FAST: Final = signal.SIGINT
IMMEDIATE: Final = signal.SIGQUIT
CRASH: Final = signal.SIGKILL


class Database:
    """PostgreSQL with its production settings."""

    def __init__(self, folder: Path, dsn: str, stack: ExitStack) -> None:
        self.dsn = dsn
        self.folder = folder
        self._stack = stack

    def restart(self, how: signal.Signals) -> None:
        """Stop the server with this signal, and start it again."""
        self.end(how)
        with (self.folder / "server.lock").open() as lock:
            # Every process of the server holds this lock until it ends.
            fcntl.flock(lock, fcntl.LOCK_EX)
        dsn = self._stack.enter_context(embedded(self.folder))
        assert dsn == self.dsn

    def end(self, how: signal.Signals) -> None:
        """Send this signal to the server, and do not wait for its end."""
        pid_file = (self.folder / "postgres" / "data" / "postmaster.pid").read_text()
        os.kill(int(pid_file.splitlines()[0]), how)

    async def cut(self) -> int:
        """End all other connections to the database; returns their number."""
        connection = await asyncpg.connect(self.dsn)
        try:
            count = await connection.fetchval(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        finally:
            await connection.close()
        return int(count)


@contextmanager
def durable() -> Iterator[Database]:
    """Run a PostgreSQL with its production settings while the context lasts."""
    # If the tests run as root, only root can enter pytest's folders, but PostgreSQL runs as
    # another user.
    folder = Path(tempfile.mkdtemp(prefix="kasir-chaos-"))
    try:
        with ExitStack() as stack:
            dsn = stack.enter_context(embedded(folder))
            yield Database(folder, dsn, stack)
    finally:
        shutil.rmtree(folder)
