"""While the database is unavailable, the answer asks the caller to retry with the same key."""

from __future__ import annotations

import asyncpg
import pytest

from kasir.errors import DatabaseUnavailable
from kasir.web.problems import answer_to


@pytest.mark.parametrize(
    "error",
    [
        DatabaseUnavailable("gone"),
        ConnectionRefusedError(),
        asyncpg.CannotConnectNowError("the database system is starting up"),
        asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
        asyncpg.AdminShutdownError("terminating connection due to administrator command"),
        asyncpg.TooManyConnectionsError("sorry, too many clients already"),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.InternalClientError("cannot switch to state 12; another operation is in progress"),
        asyncpg.DeadlockDetectedError("deadlock detected"),
        asyncpg.ReadOnlySQLTransactionError("cannot execute INSERT in a read-only transaction"),
        asyncpg.TargetServerAttributeNotMatched("None of the hosts match"),
        asyncpg.IdleInTransactionSessionTimeoutError("terminating connection"),
        asyncpg.TransactionTimeoutError("terminating connection due to transaction timeout"),
        asyncpg.InvalidPasswordError("password authentication failed"),
        asyncpg.InvalidCatalogNameError("the database is being restored"),
        asyncpg.DiskFullError("could not extend file: No space left on device"),
        asyncpg.LockNotAvailableError("canceling statement due to lock timeout"),
        asyncpg.QueryCanceledError("canceling statement due to statement timeout"),
        asyncpg.PostgresIOError("could not read block 1: Input/output error"),
        TimeoutError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_unavailable_database_is_answered_with_a_transient_503(error: Exception) -> None:
    answer = answer_to(error)

    assert (answer.status, answer.transient) == (503, True)
    assert answer.json()["errorCode"] == "703"


def test_an_invalid_query_is_an_internal_error() -> None:
    answer = answer_to(asyncpg.UndefinedColumnError("no such column"))

    assert (answer.status, answer.transient) == (500, False)
