"""Counts the statements that Kasir sends to PostgreSQL, by name, while a context lasts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest

from kasir.store.limited import LimitedConnection
from lock_witness import statements

#: The methods of a connection that send one statement per call.
_SENDERS: Final = ("execute", "fetch", "fetchrow", "fetchval")
#: An open Kasir sends this once a second to keep its lock.
_HEARTBEAT: Final = "SELECT 1"

_Sender = Callable[..., Coroutine[Any, Any, Any]]


@contextmanager
def counted_statements() -> Iterator[Counter[str]]:
    """Count the statements of every connection of this process.

    A statement of `queries/*.sql` counts under its file and name (`inbox.settle`), any other under
    its text with single spaces (`BEGIN;`, the statements of the job engine). The heartbeat of an
    open Kasir is not counted. Only one use case may run while the context lasts, because the
    statements of all connections are counted together.
    """
    names, counts = statements(), Counter[str]()

    def counting(send: _Sender) -> _Sender:
        async def run(connection: Any, query: str, *args: Any, **more: Any) -> Any:
            if query != _HEARTBEAT:
                counts[names.get(query.strip()) or " ".join(query.split())] += 1
            return await send(connection, query, *args, **more)

        return run

    async def executemany(*_: Any, **__: Any) -> None:
        raise NotImplementedError("executemany sends one statement per row and is not counted")

    with pytest.MonkeyPatch.context() as patch:
        for name in _SENDERS:
            patch.setattr(LimitedConnection, name, counting(getattr(LimitedConnection, name)))
        patch.setattr(LimitedConnection, "executemany", executemany)
        yield counts
