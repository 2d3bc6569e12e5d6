"""Connections to PostgreSQL with a limit on every wait, and a pool that lends no dead connection.

A network path can fail without an error, as when a host freezes. PostgreSQL itself ends a statement
that takes too long, and reports that. If that report does not arrive either, the network path is
dead, and with it every other connection. The pool then lends none of them again. The pool does the
same when a server stops taking writes, because a new connection may reach another server.

A commit without an answer in time may have taken effect. Its caller gets an error and must retry,
as after any lost connection.
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

#: Errors of a rollback when the connection is lost; the transaction is lost with it.
_NOT_ROLLED_BACK: Final = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
#: How many TCP keepalive probes must be unanswered before a connection counts as dead.
_PROBES: Final = 3
#: How many statements a connection runs before it is replaced: the driver's own default.
_QUERIES_MAX: Final = 50_000
#: Errors of connecting to a server after which the next server of the address is tried.
_TRY_NEXT: Final = (
    OSError,
    asyncpg.CannotConnectNowError,
    asyncpg.TargetServerAttributeNotMatched,
)


class LimitedTransaction(Transaction):
    """A transaction that raises the error that ended it.

    The driver's class raises the error of the rollback instead, which would hide a cancellation.
    """

    _connection: LimitedConnection

    async def __aexit__(self, kind: object, error: object, trace: object) -> None:
        """Commit; after an error roll back, if the connection still works."""
        if error is None:
            await super().__aexit__(kind, error, trace)
        elif not self._connection.is_closed():
            with suppress(*_NOT_ROLLED_BACK):
                await super().__aexit__(kind, error, trace)


class LimitedConnection(_Connection):
    """A connection that is closed if a statement is not answered in time."""

    #: Called when the network path is dead, so that the pool lends no connection over it again.
    expire_others: Callable[[], Awaitable[None]] | None = None

    def __init__(self, protocol: Any, transport: Any, *rest: Any) -> None:
        super().__init__(protocol, transport, *rest)
        self.socket: socket.socket = transport.get_extra_info("socket")

    def transaction(self, **options: Any) -> LimitedTransaction:
        """As the driver's method, but returns a `LimitedTransaction`."""
        defaults: dict[str, Any] = {"isolation": None, "readonly": False, "deferrable": False}
        return LimitedTransaction(self, **(defaults | options))

    async def execute(self, query: str, *args: object, **more: Any) -> str:
        """As the driver's method, but a timeout closes the connection."""
        return await self._bounded(super().execute(query, *args, **more))

    async def executemany(
        self, command: str, args: Iterable[Sequence[object]], **more: Any
    ) -> None:
        """As the driver's method, but a timeout closes the connection."""
        await self._bounded(super().executemany(command, args, **more))

    async def fetch(self, query: str, *args: object, **more: Any) -> list[Any]:
        """As the driver's method, but a timeout closes the connection."""
        return await self._bounded(super().fetch(query, *args, **more))

    async def fetchrow(self, query: str, *args: object, **more: Any) -> Any:
        """As the driver's method, but a timeout closes the connection."""
        return await self._bounded(super().fetchrow(query, *args, **more))

    async def fetchval(self, query: str, *args: object, **more: Any) -> Any:
        """As the driver's method, but a timeout closes the connection."""
        return await self._bounded(super().fetchval(query, *args, **more))

    async def close(self, **more: Any) -> None:
        """Close, without an error if the server does not answer."""
        with suppress(OSError):
            await super().close(**more)

    async def _bounded(self, statement: Awaitable[T]) -> T:
        """Run a statement; close the connection if it is not answered in time or is cancelled."""
        try:
            return await statement
        except TimeoutError:
            self.terminate()  # The driver would send a cancel request to a dead server, and wait.
            await self._expire_others()
            raise
        except asyncio.CancelledError:
            self.terminate()
            raise
        except asyncpg.ReadOnlySQLTransactionError:
            await self._expire_others()
            raise

    async def _expire_others(self) -> None:
        if self.expire_others:
            await self.expire_others()


class LimitedPool(_Pool):
    """A pool whose waits end after the times in its limits."""

    def __init__(self, dsn: str, limits: Limits, connections_max: int) -> None:
        super().__init__(
            dsn,
            connect=cast("Any", _connect),  # Called with the arguments given here.
            init=self._begin,
            reset=_reset,
            init_size=1,
            # Idle connections are closed after a while, and none is opened in their place.
            min_size=0,
            max_size=connections_max,
            max_queries=_QUERIES_MAX,
            max_inactive_connection_lifetime=limits.database_idle_s,
            loop=None,
            connection_class=LimitedConnection,
            record_class=asyncpg.Record,
            timeout=limits.database_connect_s,
            command_timeout=limits.database_silence_s,
            server_settings=_server_settings(limits),
            target_session_attrs="read-write",
        )
        self._limits = limits

    def acquire(self, *, timeout: float | None = None) -> PoolAcquireContext[asyncpg.Record]:
        """Lend a connection; the timeout limits both the wait for it and its return."""
        return super().acquire(timeout=timeout or self._limits.database_acquire_s)

    async def _begin(self, connection: Any) -> None:
        """Set up a new connection, which is a `LimitedConnection`."""
        connection.expire_others = self.expire_connections
        keep_alive(connection.socket, self._limits.database_probe_s)


async def _reset(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Reset a connection for its next user.

    Kasir changes no setting of a session, so the driver's reset, which needs two round trips, is
    left out. Only an open transaction is rolled back.
    """
    if connection.is_in_transaction():
        await connection.execute("ROLLBACK")


async def _connect(dsn: str, *, timeout: float, **more: Any) -> _Connection:  # noqa: ASYNC109
    """Connect to the first server in the address that takes writes.

    Each server gets an equal share of the timeout. The driver would spend all of it on a first
    server that does not answer.
    """
    servers = _servers_of(dsn)
    for server in servers[:-1]:
        with suppress(*_TRY_NEXT):
            return await asyncpg.connect(server, timeout=timeout / len(servers), **more)
    return await asyncpg.connect(servers[-1], timeout=timeout / len(servers), **more)


def _servers_of(dsn: str) -> list[str]:
    """The address of each server, from an address that may name several servers."""
    parts = urlsplit(dsn)
    login, at, hosts = parts.netloc.rpartition("@")
    return [parts._replace(netloc=f"{login}{at}{host}").geturl() for host in hosts.split(",")]


def _server_settings(limits: Limits) -> Mapping[str, str]:
    """Limits that PostgreSQL enforces, so that no lock outlives our process for long."""
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
    """Make the operating system probe whether the other end is alive, every `probe_s` seconds.

    An option that this system does not have is left out. A Unix socket needs no probes.
    """
    if sock.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    every = round(probe_s)
    for name, value in (
        ("TCP_KEEPIDLE", every),
        ("TCP_KEEPALIVE", every),  # The name of TCP_KEEPIDLE on macOS.
        ("TCP_KEEPINTVL", every),
        ("TCP_KEEPCNT", _PROBES),
        ("TCP_USER_TIMEOUT", round(1000 * probe_s * (_PROBES + 1))),
    ):
        if option := getattr(socket, name, None):
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
