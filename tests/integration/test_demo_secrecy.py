"""Other users of the machine cannot read a demo's keys and files."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from command import environment
from kasir.demo.processes import RunningDemo, free_port, running_demo

PROC: Final = Path("/proc")
KEYS: Final = {
    "ADYEN_API_KEY": "AQE-exported-key-of-somebody",
    "KASIR_API_KEY": "exported-shop-key-of-somebody",
    "KASIR_SECRET_KEY": "exported-secret-of-somebody-32-letters",
}


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A data folder that does not exist yet, in a folder that every user can read."""
    public_folder = Path(tempfile.mkdtemp(prefix="kasir-test-secrecy-"))
    public_folder.chmod(0o755)
    yield public_folder / "data"
    shutil.rmtree(public_folder, ignore_errors=True)


@pytest.fixture(scope="module")
def demo(folder: Path) -> Iterator[RunningDemo]:
    """A demo that is started with keys in its environment."""
    with running_demo(
        port=free_port(),
        twin_port=free_port(),
        shop_port=free_port(),
        data=folder,
        given=environment(KEYS),
    ) as running:
        yield running


def mode(path: Path) -> int:
    """The permission bits of a file."""
    return stat.S_IMODE(path.stat().st_mode)


def commands_shown_by_ps(folder: Path) -> list[bytes]:
    """The command lines of this demo's processes, which every user of the machine can read.

    A process is the demo's if its environment or its command line contains the data folder.
    """
    folder_bytes, commands = os.fsencode(folder), []
    for process in PROC.glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
            if folder_bytes in (process / "environ").read_bytes() + command:
                commands.append(command)
        except OSError:
            continue  # The process has ended.
    return commands


@pytest.mark.skipif(not PROC.is_dir(), reason="there is no /proc to read commands from")
def test_no_command_line_contains_a_key(demo: RunningDemo, folder: Path) -> None:
    commands = commands_shown_by_ps(folder)
    all_commands = " ".join(command.decode(errors="replace") for command in commands)

    assert len(commands) >= 4  # At least the twin, the server, the worker and the shop.
    assert "adyen-twin" in all_commands
    assert [key for key in KEYS.values() if key in all_commands] == []


def test_only_the_owner_can_read_the_logs(demo: RunningDemo) -> None:
    logs = sorted(demo.logs.iterdir())

    assert [log.name for log in logs] == ["server.log", "shop.log", "twin.log", "worker.log"]
    assert [mode(log) for log in logs] == [0o600] * len(logs)
    assert mode(demo.logs) == 0o700


def test_other_users_cannot_read_the_data_folders(demo: RunningDemo, folder: Path) -> None:
    for path in (folder, folder / "postgres"):
        assert mode(path) & 0o007 == 0  # Others have no access.
        assert mode(path) & 0o060 == 0  # The group cannot list or write.
