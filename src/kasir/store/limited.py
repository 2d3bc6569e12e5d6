"""Connections to PostgreSQL with a limit on every wait, and a pool that lends no dead connection.

A network path can fail without an error, for example when a host freezes. PostgreSQL itself ends a
statement that takes too long, and reports a timeout. If this report does not arrive, the network
path is dead, and so is every other connection over it. Then the pool lends none of its present
connections again. The pool does the same if a server no longer takes writes, because a new
connection may reach another server.

A commit that is not answered in time may have taken effect. The caller gets an error and must
retry, as after any lost connection.
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
    #: A connection as the pool lends it: a proxy, which also has `use_schema`.
    _Lent = Any
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
    """A transaction that raises the error by which its context ended.

    The driver's class raises an error of the rollback instead, which would hide a cancellation.
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
        self._schema: str | None = ""
        self._mark = ""

    async def use_schema(self, schema: str) -> None:
        """Use the tables of a schema; if `schema` is empty, of the session's default search path.

        A statement must be prepared once for each schema, because the types of its parameters and
        results may belong to the schema. The driver finds prepared statements by their text. So the
        text of each statement begins with the schema's name.
        """
        if schema == self._schema:
            return
        self._schema = None  # Unknown until the server has answered.
        quoted = schema.replace('"', '""')
        await self.execute(f'SET search_path TO "{quoted}"' if schema else "RESET search_path")
        self._schema, self._mark = schema, f"/* {schema} */ " if schema else ""

    def transaction(self, **options: Any) -> LimitedTransaction:
        """As the driver's method, but returns a `LimitedTransaction`."""
        defaults: dict[str, Any] = {"isolation": None, "readonly": False, "deferrable": False}
        return LimitedTransaction(self, **(defaults | options))

    async def execute(self, query: str, *args: object, **more: Any) -> str:
        """As the driver's method, but a timeout closes the connection."""
        return await self._bounded(super().execute(self._mark + query, *args, **more))

    async def executemany(
        self, command: str, args: Iterable[Sequence[object]], **more: Any
    ) -> None:
        """As the driver's method, but a timeout closes the connection."""
        await self._bounded(super().executemany(self._mark + command, args, **more))

    async def fetch(self, query: str, *args: object, **more: Any) -> list[Any]:
        """As the driver's method, but a timeout closes the connection."""
        return await self._bounded(super().fetch(self._mark + query, *args, **more))

    async def fetchrow(self, query: str, *args: object, **more: Any) -> Any:
        """As the driver's method, but a timeout closes the connection."""
        return await self._bounded(super().fetchrow(self._mark + query, *args, **more))

    async def fetchval(self, query: str, *args: object, **more: Any) -> Any:
        """As the driver's method, but a timeout closes the connection."""
        return await self._bounded(super().fetchval(self._mark + query, *args, **more))

    async def close(self, **more: Any) -> None:
        """Close, without an error if the server does not answer."""
        with suppress(OSError):
            await super().close(**more)

    async def _bounded(self, statement: Awaitable[T]) -> T:
        """Run a statement. If it is cancelled or not answered in time, close the connection."""
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
    """A pool whose waits end after the times in its limits.

    `acquire` lends connections to the merchant account of the environment. `lend` lends connections
    to the other merchant accounts, and to tasks that they share.
    """

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
        self._connections_max = connections_max
        #: How many more connections the environment's account may acquire, and which ones it has.
        self._free = asyncio.Semaphore(connections_max)
        self._acquired: set[_Lent] = set()
        self._is_reserved = False

    async def reserve(self) -> None:
        """Reserve a quarter of the connections for `lend`; waits until so many are returned.

        Then the environment's account cannot use all connections of a pool that several merchant
        accounts share. Further calls do nothing.
        """
        if self._is_reserved:
            return
        self._is_reserved = True
        for _ in range(self._connections_max // 4):
            await self._free.acquire()

    @property
    def acquire_s(self) -> float:
        """How long the wait for a connection may take, in seconds."""
        return self._limits.database_acquire_s

    def acquire(self, *, timeout: float | None = None) -> PoolAcquireContext[asyncpg.Record]:
        """Lend a connection; the timeout limits both the wait for it and its return."""
        return super().acquire(timeout=timeout or self._limits.database_acquire_s)

    async def lend(self, schema: str, seconds: float | None = None) -> _Lent:
        """Lend a connection that uses the tables of a schema; see `use_schema`."""
        lent: _Lent = await super()._acquire(  # type: ignore[misc]  # The stubs lack it.
            seconds or self._limits.database_acquire_s
        )
        try:
            await lent.use_schema(schema)
        except BaseException:
            await self.release(lent)
            raise
        return lent

    async def _acquire(self, timeout: float | None) -> _Lent:  # noqa: ASYNC109
        """Lend a connection with the session's default search path. `acquire` calls this method."""
        wait_s = timeout or self.acquire_s
        async with asyncio.timeout(wait_s):
            await self._free.acquire()
        try:
            lent = await self.lend("", wait_s)
        except BaseException:
            self._free.release()
            raise
        self._acquired.add(lent)
        return lent

    async def release(self, connection: _Lent, *, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Take a connection back."""
        is_acquired = connection in self._acquired
        self._acquired.discard(connection)
        try:
            await super().release(connection, timeout=timeout)
        finally:
            if is_acquired:
                self._free.release()

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
    """The addresses of the single servers in an address that may name several servers."""
    parts = urlsplit(dsn)
    login, at, hosts = parts.netloc.rpartition("@")
    return [parts._replace(netloc=f"{login}{at}{host}").geturl() for host in hosts.split(",")]


def _server_settings(limits: Limits) -> Mapping[str, str]:
    """Limits that PostgreSQL enforces, so that no lock stays long after a process has ended."""
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
    """Let the operating system check every `probe_s` seconds whether the other end is alive.

    An option that the operating system does not have is left out. A Unix socket needs no probes.
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
