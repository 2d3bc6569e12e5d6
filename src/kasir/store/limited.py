"""Connections to PostgreSQL on which every wait ends, and a pool that lends nothing dead.

A way that falls silent refuses nothing and answers nothing: a failover without a reset, a frozen
host. PostgreSQL itself ends what takes too long, and says so. Where not even that is heard, the way
is dead, and so are the other connections that took it: none of them is lent again. Nor is one to
a server that takes no writes any more, so that an address which leads to another server by now
leads there.

A commit that was not answered in time may have been made. Whoever waited for it is told to ask
again, as after any connection that was cut.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast
from urllib.parse import urlsplit

import asyncpg
from asyncpg.transaction import Transaction

from kasir.limits import Limits

if TYPE_CHECKING:
    from asyncpg.pool import PoolAcquireContext

    _Connection = asyncpg.Connection[asyncpg.Record]
    _Pool = asyncpg.Pool[asyncpg.Record]
else:  # The classes take no parameters at run time.
    _Connection, _Pool = asyncpg.Connection, asyncpg.Pool

T = TypeVar("T")

#: What a rollback ends in where the way to the server is lost; the transaction is lost with it.
_NOT_ROLLED_BACK: Final = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
#: So many probes without an answer, and the connection is dead.
_PROBES: Final = 3
#: After so many statements a connection is replaced: the driver's own default.
_QUERIES_MAX: Final = 50_000
#: What says that a server is not the one to speak to, and the next of the address may be.
_TRY_NEXT: Final = (
    OSError,
    asyncpg.CannotConnectNowError,
    asyncpg.TargetServerAttributeNotMatched,
)


class LimitedTransaction(Transaction):
    """A transaction that ends with what went wrong in it.

    The driver's own ends with what went wrong with its rollback, which would hide a cancel.
    """

    _connection: LimitedConnection

    async def __aexit__(self, kind: object, error: object, trace: object) -> None:
        """Commit; where something was raised, roll back as far as anybody hears it."""
        if error is None:
            await super().__aexit__(kind, error, trace)
        elif not self._connection.is_closed():
            with suppress(*_NOT_ROLLED_BACK):
                await super().__aexit__(kind, error, trace)


class LimitedConnection(_Connection):
    """A connection that is given up where a statement was not answered in time."""

    #: Told that whatever took the same way is not to be lent again.
    forsake: Callable[[], Awaitable[None]] | None = None

    def __init__(self, protocol: Any, transport: Any, *rest: Any) -> None:
        super().__init__(protocol, transport, *rest)
        self.socket: socket.socket = transport.get_extra_info("socket")

    def transaction(self, **how: Any) -> LimitedTransaction:
        """As the driver's own, but what is raised in it comes out as what it was."""
        told = {"isolation": None, "readonly": False, "deferrable": False, **how}
        return LimitedTransaction(self, **told)

    async def execute(self, query: str, *args: object, **more: Any) -> str:
        """As the driver's own, but bounded."""
        return await self._bounded(super().execute(query, *args, **more))

    async def executemany(
        self, command: str, args: Iterable[Sequence[object]], **more: Any
    ) -> None:
        """As the driver's own, but bounded."""
        await self._bounded(super().executemany(command, args, **more))

    async def fetch(self, query: str, *args: object, **more: Any) -> list[Any]:
        """As the driver's own, but bounded."""
        return await self._bounded(super().fetch(query, *args, **more))

    async def fetchrow(self, query: str, *args: object, **more: Any) -> Any:
        """As the driver's own, but bounded."""
        return await self._bounded(super().fetchrow(query, *args, **more))

    async def fetchval(self, query: str, *args: object, **more: Any) -> Any:
        """As the driver's own, but bounded."""
        return await self._bounded(super().fetchval(query, *args, **more))

    async def close(self, **more: Any) -> None:
        """Say farewell; what does not answer it is gone as well."""
        with suppress(OSError):
            await super().close(**more)

    async def _bounded(self, statement: Awaitable[T]) -> T:
        try:
            return await statement
        except TimeoutError:
            self.terminate()  # The driver would ask a dead server to cancel, and wait for it.
            await self._give_way_up()
            raise
        except asyncio.CancelledError:
            self.terminate()
            raise
        except asyncpg.ReadOnlySQLTransactionError:
            await self._give_way_up()
            raise

    async def _give_way_up(self) -> None:
        if self.forsake:
            await self.forsake()


class LimitedPool(_Pool):
    """A pool whose waits end as its limits say."""

    def __init__(self, dsn: str, limits: Limits, connections_max: int) -> None:
        super().__init__(
            dsn,
            connect=cast("Any", _connect),  # It is called with what is given here, and no less.
            init=self._begin,
            reset=_given_back,
            init_size=1,
            # What lies idle for long is closed, and nothing is restored behind our back.
            min_size=0,
            max_size=connections_max,
            max_queries=_QUERIES_MAX,
            max_inactive_connection_lifetime=limits.database_idle_s,
            loop=None,
            connection_class=LimitedConnection,
            record_class=asyncpg.Record,
            timeout=limits.database_connect_s,
            command_timeout=limits.database_silence_s,
            server_settings=_told(limits),
            target_session_attrs="read-write",
        )
        self._limits = limits

    def acquire(self, *, timeout: float | None = None) -> PoolAcquireContext[asyncpg.Record]:
        """Lend a connection; giving it back ends within the same time."""
        return super().acquire(timeout=timeout or self._limits.database_acquire_s)

    async def _begin(self, connection: Any) -> None:
        """Make a new connection ours: a `LimitedConnection`, as was asked for above."""
        connection.forsake = self.expire_connections
        keep_alive(connection.socket, self._limits.database_probe_s)


async def _given_back(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Make a connection ready for whoever comes next.

    Nothing here changes a session but transactions, so the driver's own reset, which is two round
    trips for every use, is left out; a transaction that was given up is not.
    """
    if connection.is_in_transaction():
        await connection.execute("ROLLBACK")


async def _connect(dsn: str, *, timeout: float, **more: Any) -> _Connection:  # noqa: ASYNC109
    """Connect to the first server of an address that takes writes, each within its share of time.

    The driver itself would wait for the first, if that is silent, until the time of all is over.
    """
    each = _one_by_one(dsn)
    for one in each[:-1]:
        with suppress(*_TRY_NEXT):
            return await asyncpg.connect(one, timeout=timeout / len(each), **more)
    return await asyncpg.connect(each[-1], timeout=timeout / len(each), **more)


def _one_by_one(dsn: str) -> list[str]:
    """An address that names several servers, as one address for each."""
    parts = urlsplit(dsn)
    login, at, hosts = parts.netloc.rpartition("@")
    return [parts._replace(netloc=f"{login}{at}{host}").geturl() for host in hosts.split(",")]


def _told(limits: Limits) -> Mapping[str, str]:
    """What PostgreSQL ends by itself: so nothing of ours holds locks for long after we are gone."""
    probe_s = str(round(limits.database_probe_s))
    return {
        "statement_timeout": _ms(limits.database_statement_s),
        "idle_in_transaction_session_timeout": _ms(limits.database_transaction_idle_s),
        "tcp_keepalives_idle": probe_s,
        "tcp_keepalives_interval": probe_s,
        "tcp_keepalives_count": str(_PROBES),
        "tcp_user_timeout": _ms(limits.database_probe_s * (_PROBES + 1)),
    }


def _ms(seconds: float) -> str:
    return str(round(seconds * 1000))


def keep_alive(sock: socket.socket, probe_s: float) -> None:
    """Have the system look whether the other end is there, where it can."""
    if sock.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    every = round(probe_s)
    for name, value in (
        ("TCP_KEEPIDLE", every),
        ("TCP_KEEPALIVE", every),  # What macOS calls the former.
        ("TCP_KEEPINTVL", every),
        ("TCP_KEEPCNT", _PROBES),
        ("TCP_USER_TIMEOUT", round(1000 * probe_s * (_PROBES + 1))),
    ):
        if option := getattr(socket, name, None):
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
