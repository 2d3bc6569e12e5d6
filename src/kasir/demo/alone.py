"""A demo has its folder and its ports for itself, or it does not start; and keeps its keys there.

Two in one folder would share a database and disagree on its keys; and a twin that somebody else
started would be told this demo's keys and addresses.
"""

from __future__ import annotations

import errno
import fcntl
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec

from kasir.errors import KasirError

_HOST: Final = "127.0.0.1"


class StageError(KasirError):
    """The demo cannot start; the message says why, or holds a program's last words."""


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Have a folder to ourselves for as long as the context lasts, or the process lives.

    Raises:
        StageError: Another demo has it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "demo.lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StageError(
                f"a demo runs in {folder}: stop it, or give this one another --data"
            ) from None
        yield


def refuse_taken(port: int, option: str) -> None:
    """See that nobody listens on a port.

    Raises:
        StageError: Somebody does; the message names the option that chooses another.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError as error:
            is_taken = error.errno == errno.EADDRINUSE
            says = "in use" if is_taken else f"not to be had ({error.strerror})"
            raise StageError(f"port {port} is {says}: give another by {option}") from error


def kept_keys(folder: Path) -> dict[str, str]:
    """The HMAC keys of a demo: what waits at its twin from the last time is sealed with them."""
    path = folder / "keys.json"
    with suppress(FileNotFoundError):
        kept: dict[str, str] = msgspec.json.decode(path.read_bytes(), type=dict[str, str])
        return kept
    made = {name: secrets.token_hex(32) for name in ("ADYEN_HMAC_KEY", "ADYEN_TOKEN_HMAC_KEY")}
    path.touch(0o600)
    path.write_bytes(msgspec.json.encode(made))
    return made
