"""Adds the person who signs in to the demo's desk, by the operator's own commands."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from kasir.config import settings_from
from kasir.demo.alone import DemoError
from kasir.demo.processes import RunningDemo

DESK_PERSON: Final = "demo"
_POLL_S: Final = 0.05


def add_person(demo: RunningDemo, pause: Callable[[float], None]) -> str:
    """Add an admin of the desk; one whom an earlier demo added gets a new password.

    The password is a new one each time, because the database may be one that lasts.

    Args:
        demo: The running demo.
        pause: Sleeps a number of seconds. It may raise.

    Returns:
        The password; empty if the desk is switched off.

    Raises:
        DemoError: A command failed.
    """
    if not settings_from(demo.environment).desk.is_on:
        return ""
    printed = _user(demo, pause, "add", DESK_PERSON, "--role", "admin")
    # A sentence, and no password, says that the person was there.
    return _user(demo, pause, "password", DESK_PERSON) if " " in printed else printed


def _user(demo: RunningDemo, pause: Callable[[float], None], *arguments: str) -> str:
    """Run `kasir desk user`; return what it printed.

    Raises:
        DemoError: It failed; the message has what it said.
    """
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("kasir")), "desk", "user", *arguments],
        env=dict(demo.environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C reaches only the demo.
        text=True,
    )
    with process:
        try:
            while process.poll() is None:
                pause(_POLL_S)
        finally:
            process.kill()
        printed, error = process.communicate()
    if process.returncode != 0:
        raise DemoError(f"the desk's person could not be added: {error.strip()[-300:]}")
    return printed.strip()
