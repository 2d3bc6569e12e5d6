"""Other users of the machine can read neither a demo's keys nor its logs and data."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from kasir.demo.processes import RunningDemo, free_port, running_demo

PROC: Final = Path("/proc")
KEYS: Final = {
    "ADYEN_API_KEY": "AQE-exported-key-of-somebody",
    "KASIR_API_KEY": "exported-shop-key-of-somebody",
    "KASIR_SECRET_KEY": "exported-secret-of-somebody-32-letters",
}


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """The path of a data folder that does not exist yet."""
    parent = Path(tempfile.mkdtemp(prefix="kasir-test-secrecy-"))
    parent.chmod(0o755)
    yield parent / "data"
    shutil.rmtree(parent, ignore_errors=True)


@pytest.fixture(scope="module")
def demo(folder: Path) -> Iterator[RunningDemo]:
    """A demo that was started with keys in its environment."""
    plain = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ADYEN_", "KASIR_"))
    }
    with running_demo(
        port=free_port(),
        twin_port=free_port(),
        shop_port=free_port(),
        data=folder,
        given=plain | KEYS,
    ) as running:
        yield running


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def command_lines(folder: Path) -> list[bytes]:
    """The command lines of this demo's processes, which every user of the machine can read."""
    marker, found = os.fsencode(folder), []
    for process in PROC.glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
            if marker in (process / "environ").read_bytes() + command:
                found.append(command)
        except OSError:
            continue  # The process has ended.
    return found


@pytest.mark.skipif(not PROC.is_dir(), reason="there is no /proc to read commands from")
def test_no_command_line_contains_a_key(demo: RunningDemo, folder: Path) -> None:
    commands = command_lines(folder)
    text = " ".join(command.decode(errors="replace") for command in commands)

    assert len(commands) >= 4  # The twin, server, worker and shop, besides the database.
    assert "adyen-twin" in text
    assert [key for key in KEYS.values() if key in text] == []


def test_only_their_owner_can_read_the_logs(demo: RunningDemo) -> None:
    logs = sorted(demo.logs.iterdir())

    assert [log.name for log in logs] == ["server.log", "shop.log", "twin.log", "worker.log"]
    assert [mode(log) for log in logs] == [0o600] * len(logs)
    assert mode(demo.logs) == 0o700


def test_other_users_cannot_read_the_data(demo: RunningDemo, folder: Path) -> None:
    for path in (folder, folder / "postgres"):
        assert mode(path) & 0o007 == 0
        assert mode(path) & 0o060 == 0  # The database's group may enter, but not read.
