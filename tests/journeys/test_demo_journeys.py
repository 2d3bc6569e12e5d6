"""`kasir demo` completes every journey. It leaves no process and no file, however it ends."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from command import running, verdicts
from kasir.demo import node_library
from kasir.demo.journeys import JOURNEYS
from kasir.demo.processes import free_port

PROC = Path("/proc")
#: Where `make node` installs Adyen's library.
NODE_LIBRARY = Path(__file__).parents[1] / "oracle" / "node" / "node_modules" / "@adyen"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for a demo's temporary files that every user may enter, unlike pytest's folders."""
    folder = Path(tempfile.mkdtemp(prefix="kasir-test-demo-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def left_running(folder: Path) -> list[str]:
    """The command lines of running processes whose environment or arguments contain this folder."""
    marker, command_lines = os.fsencode(folder), []
    for process in PROC.glob("[0-9]*"):
        try:
            description = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
        except OSError:
            continue  # The process has ended.
        if marker in description:
            command_lines.append((process / "cmdline").read_text(errors="replace"))
    return command_lines


def started(folder: Path, *arguments: str) -> AbstractContextManager[subprocess.Popen[str]]:
    """A running demo with its temporary files in this folder."""
    return running("demo", *arguments, TMPDIR=str(folder))


def two_free_ports_in_a_row() -> int:
    """The first of two consecutive free ports: the shop uses the port after Kasir's port."""
    while True:
        port = free_port()
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
        return port


needs_proc = pytest.mark.skipif(
    sys.platform != "linux", reason="the test finds running processes in /proc"
)


@pytest.mark.long
@needs_proc
def test_the_check_completes_every_journey_and_leaves_nothing_behind(folder: Path) -> None:
    with started(folder, "--check") as demo:
        out, err = demo.communicate(timeout=500)
    rows, skipped = verdicts(out), {}
    if shutil.which("node") is None or not NODE_LIBRARY.is_dir():
        skipped = dict.fromkeys(node_library.JOURNEYS, "skip")

    assert (demo.returncode, err) == (0, ""), out
    assert list(rows) == list(JOURNEYS)
    assert {name: verdict for name, verdict in rows.items() if verdict != "ok"} == skipped
    assert left_running(folder) == []
    assert list(folder.iterdir()) == []


@needs_proc
def test_a_demo_stopped_by_ctrl_c_leaves_nothing_behind(folder: Path) -> None:
    ports = "--port", str(two_free_ports_in_a_row()), "--twin-port", str(free_port())
    with started(folder, *ports) as demo:
        assert demo.stdout is not None
        shown = next(line for line in demo.stdout if "Ctrl-C stops everything" in line)
        processes = left_running(folder)
        demo.send_signal(signal.SIGINT)
        _, err = demo.communicate(timeout=300)

    assert shown.strip() == "Ctrl-C stops everything."
    assert len(processes) >= 5  # The demo, the twin, the server, the worker and the shop.
    assert (demo.returncode, err) == (0, "")
    assert left_running(folder) == []
    assert list(folder.iterdir()) == []


@needs_proc
@pytest.mark.parametrize("pattern", ["kasir-demo-*/users.lock", "kasir-demo-*/logs/twin.log"])
def test_a_demo_stopped_before_it_is_ready_leaves_nothing_behind(
    folder: Path, pattern: str
) -> None:
    """The signal is sent when the file of `pattern` exists: its program has started.

    The database writes the first file, and the twin the second.
    """
    with started(folder, "--port", str(two_free_ports_in_a_row()), "--twin-port", "0") as demo:
        while not list(folder.glob(pattern)):
            assert demo.poll() is None
            time.sleep(0.01)
        demo.send_signal(signal.SIGINT)
        _, err = demo.communicate(timeout=300)

    assert demo.returncode in {0, 130}  # 0: the demo ended before the signal.
    assert err == ""
    assert left_running(folder) == []
    assert list(folder.iterdir()) == []


@needs_proc
def test_a_check_stopped_by_ctrl_c_leaves_nothing_behind(folder: Path) -> None:
    with started(folder, "--check") as demo:
        assert demo.stdout is not None
        first = next(iter(demo.stdout))
        demo.send_signal(signal.SIGINT)
        out, err = demo.communicate(timeout=300)

    assert first.startswith("ok ")
    assert "journeys" not in out
    assert (demo.returncode, err) == (130, "")
    assert left_running(folder) == []
    assert list(folder.iterdir()) == []
