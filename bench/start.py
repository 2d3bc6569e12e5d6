"""Measures how long Kasir takes to start."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Final

from bench.figures import Result
from bench.site import HOST, ROOT, Site, SiteError, free_port

#: The line that the demo prints when every program answers.
_LAST_LINE: Final = "Ctrl-C stops everything."
_WITHIN_S: Final = 120


def start(site: Site) -> list[Result]:
    """Divide the time of `kasir --help` by that of an empty program; measure the demo's start."""
    kasir = str(Path(sys.executable).with_name("kasir"))
    # In each pair: the seconds of `kasir --help`, and of an empty program.
    pairs = [
        (_wall_s([kasir, "--help"]), _wall_s([sys.executable, "-c", "pass"]))
        for _ in range(site.size(9, 3))
    ]
    demos = [_demo_s(kasir) for _ in range(site.size(3, 1))]
    parts = {
        "kasir --help, s": median(help_s for help_s, _ in pairs),
        "python -c pass, s": median(bare_s for _, bare_s in pairs),
        "demo to ready, s": median(demos),
    }
    return [Result(row="start", ratios=[help_s / bare_s for help_s, bare_s in pairs], parts=parts)]


def _wall_s(command: Sequence[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


def _demo_s(kasir: str) -> float:
    """Return the seconds from the start of the demo until every program answers."""
    port = _two_free_ports()
    command = [kasir, "demo", "--port", str(port), "--twin-port", str(free_port())]
    env = {name: text for name, text in os.environ.items() if not name.startswith("KASIR_")}
    began = time.perf_counter()
    demo = subprocess.Popen(
        command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert demo.stdout
    try:
        for line in demo.stdout:
            if _LAST_LINE in line:
                return time.perf_counter() - began
    finally:
        demo.terminate()  # Not SIGINT, because a process in the background may ignore it.
        demo.wait(_WITHIN_S)
        demo.stdout.close()
    raise SiteError("the demo ended before it was ready")


def _two_free_ports() -> int:
    """Return a free port whose successor is free too: the demo's shop uses the successor."""
    while not _is_free((port := free_port()) + 1):
        pass
    return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError):  # In use, or beyond the last port.
            return False
    return True
