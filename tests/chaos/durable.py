"""A database with production durability, which a test may stop, crash and restart."""

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

#: How PostgreSQL may stop: all data written, no data written, or killed at once.
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
        """Stop it with this signal, and start it again."""
        self.end(how)
        with (self.folder / "server.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # Each of its processes holds this lock until it ends.
        again = self._stack.enter_context(embedded(self.folder))
        assert again == self.dsn

    def end(self, how: signal.Signals) -> None:
        """Stop it with this signal."""
        pid_file = (self.folder / "postgres" / "data" / "postmaster.pid").read_text()
        os.kill(int(pid_file.splitlines()[0]), how)

    async def cut(self) -> int:
        """Cut every connection to it; returns how many there were."""
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
    """Run such a database while the context lasts."""
    # Not in pytest's folders: only their owner can enter them, and PostgreSQL does not run as root.
    folder = Path(tempfile.mkdtemp(prefix="kasir-chaos-"))
    try:
        with ExitStack() as stack:
            dsn = stack.enter_context(embedded(folder))
            yield Database(folder, dsn, stack)
    finally:
        shutil.rmtree(folder)
