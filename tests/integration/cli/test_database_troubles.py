"""A command whose database refuses writes or statements prints one line and exits with 1."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from command import TWIN, is_one_line, kasir
from kasir.cli.main import main
from kasir.cli.one_line import in_one_line
from kasir.config import settings_from
from kasir.web.app import create_app

COMMANDS = [
    ("serve", "--port", "0"),
    ("worker",),
    ("migrate",),
    ("apikey", "create", "x"),
    ("notices",),
]


async def run_sql(dsn: str, *statements: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def only_error_line(arguments: tuple[str, ...], dsn: str) -> str:
    """Run a command, check that it exits with 1, and return its only line on stderr."""
    result = kasir(*arguments, **TWIN, KASIR_DATABASE_URL=dsn)

    assert (result.returncode, result.stdout) == (1, "")
    assert is_one_line(result.stderr), result.stderr
    return result.stderr


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
async def test_a_command_on_a_read_only_database_fails_in_one_line(
    empty_database: str, arguments: tuple[str, ...]
) -> None:
    database = urlsplit(empty_database).path[1:]
    await run_sql(
        empty_database, f"ALTER DATABASE {database} SET default_transaction_read_only = on"
    )

    assert "it takes no writes" in only_error_line(arguments, empty_database)


@pytest.mark.parametrize("arguments", COMMANDS[:3], ids=" ".join)
async def test_a_command_on_a_database_with_a_wrong_migration_table_fails_in_one_line(
    empty_database: str, arguments: tuple[str, ...]
) -> None:
    await run_sql(empty_database, "CREATE TABLE migration (unlike int)")

    assert "PostgreSQL cannot be used: column" in only_error_line(arguments, empty_database)


async def test_a_command_whose_query_the_database_refuses_fails_in_one_line(
    fresh_database: str,
) -> None:
    await run_sql(fresh_database, "ALTER TABLE api_key RENAME TO another")

    assert "api_key" in only_error_line(("apikey", "create", "x"), fresh_database)


async def test_the_doctor_reports_a_refused_query_in_a_row(fresh_database: str) -> None:
    await run_sql(fresh_database, "ALTER TABLE notice RENAME TO another")
    result = kasir("doctor", **TWIN, KASIR_DATABASE_URL=fresh_database)

    assert (result.returncode, result.stderr) == (1, "")
    assert (
        "FAIL  database: KASIR_DATABASE_URL: PostgreSQL cannot be used: relation" in result.stdout
    )


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (PermissionError(13, "Permission denied", "/a/log"), "Permission denied: '/a/log'"),
        (asyncpg.AdminShutdownError("terminating connection\ndue to"), "connection due to"),
    ],
)
def test_an_error_of_a_file_or_of_the_database_is_printed_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    expected: str,
) -> None:
    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr("kasir.cli.main.app", fail)
    with pytest.raises(SystemExit) as raised:
        main()
    err = capsys.readouterr().err

    assert raised.value.code == 1
    assert is_one_line(err)
    assert expected in err


def test_a_bug_of_kasir_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("kasir.cli.main.app", fail)
    with pytest.raises(ZeroDivisionError):
        main()


@pytest.mark.parametrize(
    ("error", "has_traceback"), [(None, False), (ZeroDivisionError("a fault"), True)]
)
async def test_a_failed_start_is_one_line_for_the_database_and_a_traceback_for_a_bug(
    error: Exception | None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    has_traceback: bool,
) -> None:
    settings = settings_from(TWIN | {"KASIR_DATABASE_URL": "postgresql://127.0.0.1:1/nobody"})
    app = create_app(settings)
    if error:
        # A lambda cannot raise, but a generator that it makes can.
        monkeypatch.setattr("kasir.wiring.database_of", lambda *_: (_ for _ in ()).throw(error))
    # Start the app as an ASGI server does.
    messages: asyncio.Queue[Any] = asyncio.Queue()
    messages.put_nowait({"type": "lifespan.startup"})
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    with pytest.raises(ExceptionGroup):
        await in_one_line(app)({"type": "lifespan", "asgi": {}, "state": {}}, messages.get, send)  # type: ignore[arg-type]

    assert [message["type"] for message in sent] == ["lifespan.startup.failed"]
    # Kasir prints its own error, and leaves an empty report to uvicorn.
    report = sent[0]["message"] or capsys.readouterr().err.removesuffix("\n")
    assert is_one_line(report) is not has_traceback
    assert bool(sent[0]["message"]) is has_traceback
