"""An embedded PostgreSQL that is killed while in use is restarted once, at its address."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest
from structlog.testing import capture_logs

from kasir.embedded import server as server_module
from kasir.embedded.server import embedded, kept_running
from postgres import ask

WAIT_S: Final = 60.0


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that PostgreSQL's account may enter, unlike pytest's folders."""
    path = Path(tempfile.mkdtemp(prefix="kasir-kept-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def postmaster(folder: Path) -> int:
    pid_file = (folder / "postgres" / "data" / "postmaster.pid").read_text()
    return int(pid_file.splitlines()[0])


def kill(folder: Path) -> int:
    """Kill the server of a folder; returns its process id."""
    killed = postmaster(folder)
    os.kill(killed, signal.SIGKILL)
    return killed


def until(condition: Callable[[], object]) -> None:
    """Wait until the condition is true, for at most WAIT_S seconds."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "the condition was not met in time"
        time.sleep(0.01)


def answers(dsn: str) -> bool:
    try:
        return ask(dsn, "SELECT 1") == 1
    except (OSError, asyncpg.PostgresError):
        return False


def test_a_server_that_is_killed_runs_again_at_the_same_address_with_every_row(
    folder: Path,
) -> None:
    with embedded(folder) as dsn, kept_running(folder), capture_logs() as logs:
        ask(dsn, "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS id")
        killed = kill(folder)
        until(lambda: messages_of(logs, "the embedded PostgreSQL runs again"))
        kept = ask(dsn, "SELECT count(*) FROM kept")
        restarted = postmaster(folder)

    assert kept == 1000
    assert restarted != killed
    assert [log["event"] for log in logs] == [
        "the embedded PostgreSQL died",
        "the embedded PostgreSQL runs again",
    ]


def test_only_one_of_several_users_restarts_a_killed_server(folder: Path) -> None:
    with embedded(folder) as dsn, kept_running(folder), kept_running(folder), kept_running(folder):
        log = folder / "postgres" / "postgres.log"
        starts = log.read_text().count("starting PostgreSQL")
        kill(folder)
        until(lambda: answers(dsn))
        starts_after = log.read_text().count("starting PostgreSQL")

    assert starts_after == starts + 1


def test_the_restart_waits_for_a_backend_that_is_still_running(folder: Path) -> None:
    """A backend checks for its postmaster only when it waits, and this one never waits."""
    busy_query = "DO $$ BEGIN FOR n IN 1..4000000 LOOP PERFORM n; END LOOP; END $$"
    find_backend = "SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'DO%'"
    with ThreadPoolExecutor() as threads, embedded(folder) as dsn, kept_running(folder):
        ask(dsn, "CREATE TABLE kept AS SELECT 7 AS id")
        query = threads.submit(ask, dsn, busy_query)
        until(lambda: ask(dsn, find_backend))
        kill(folder)
        until(lambda: answers(dsn))
        # The query has ended by now, or fails because its backend ends.
        ended = query.done() or query.exception(WAIT_S)
        kept = ask(dsn, "SELECT id FROM kept")

    assert ended is not None
    assert kept == 7


def test_a_failed_start_is_retried_and_each_try_is_logged(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "AFTER_TROUBLE_S", 0.05)
    version = folder / "postgres" / "data" / "PG_VERSION"
    with embedded(folder) as dsn, kept_running(folder), capture_logs() as logs:
        correct_version = version.read_text()
        version.write_text("9\n")
        kill(folder)
        until(lambda: len(messages_of(logs, "the embedded PostgreSQL does not start again")) > 1)
        version.write_text(correct_version)
        until(lambda: answers(dsn))

    assert (
        "made by PostgreSQL 9"
        in messages_of(logs, "the embedded PostgreSQL does not start again")[0]
    )


def messages_of(logs: Sequence[Mapping[str, Any]], event: str) -> list[str]:
    """The error of each log record of this event, or the event if a record has no error."""
    return [str(log.get("error", event)) for log in logs if log["event"] == event]


@pytest.mark.parametrize("is_opened", [False, True], ids=["private", "opened to others"])
def test_a_temporary_folder_of_the_socket_is_reused_only_while_it_is_private(
    folder: Path, *, is_opened: bool
) -> None:
    deep = folder / ("deep" * 30)  # Too long for a socket's path.
    with embedded(deep) as first:
        kill(deep)
        sockets = Path(first.split("host=")[1].split("&")[0])
        until(lambda: not answers(first))
        if is_opened:
            sockets.chmod(0o755)
        with embedded(deep) as second:
            pass
    shutil.rmtree(sockets, ignore_errors=True)

    assert (first == second) is not is_opened


def test_a_missing_folder_of_the_socket_is_replaced_by_a_new_one(folder: Path) -> None:
    deep = folder / ("deep" * 30)  # Too long for a socket's path.
    with embedded(deep) as first:
        kill(deep)
        until(lambda: not answers(first))
        shutil.rmtree(first.split("host=")[1].split("&")[0])
        with embedded(deep) as second:
            found = ask(second, "SELECT 1")

    assert first != second
    assert found == 1
