"""`kasir demo`: runs until Ctrl-C, or with `--check` runs every journey and stops."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path
from typing import Final

from kasir.demo.alone import refuse_missing_packages
from kasir.demo.authority import Authority
from kasir.demo.desk_person import DESK_PERSON, add_person
from kasir.demo.processes import RunningDemo, free_port, running_demo

_KASIR_PORT: Final = 8000
_TWIN_PORT: Final = 8700
_POLL_S: Final = 0.1


def run(
    *, port: int | None, twin_port: int | None, data: Path | None, check: bool, https: bool = False
) -> int:
    """Run the demo until Ctrl-C, or run its journeys.

    Args:
        port: Kasir's port; None for 8000, or for any free port in a check.
        twin_port: The twin's port; None for 8700, or for any free port in a check.
        data: Folder to keep the database and the twin's state in; temporary unless given.
        check: Run every journey, print a row for each, and stop.
        https: Serve Kasir and the twin over HTTPS.

    Returns:
        0, or 1 if a journey failed.

    Raises:
        DemoError: Packages are missing, or the demo cannot start.
        SettingError: A setting of the environment is malformed.
    """
    refuse_missing_packages(is_database_given=bool(os.environ.get("KASIR_DATABASE_URL")))
    interrupts = _Interrupts()
    kasir_port = port or (free_port() if check else _KASIR_PORT)
    with running_demo(
        port=kasir_port,
        twin_port=twin_port or (free_port() if check else _TWIN_PORT),
        shop_port=free_port() if check else kasir_port + 1,
        data=data,
        https=https,
        pause=interrupts.pause,
    ) as demo:
        if check:
            return asyncio.run(_check(demo, interrupts))
        _show(demo, add_person(demo, interrupts.pause))
        try:
            while True:
                interrupts.pause(_POLL_S)
        except KeyboardInterrupt:
            print("\nstopping")
    return 0


class _Interrupts:
    """Records SIGINT, SIGTERM and SIGHUP at any time, and raises for them only in `pause`.

    Python would raise KeyboardInterrupt at any line. Then a program that was just started might not
    be stopped, a lock might stay held, or the exception might be ignored.
    """

    def __init__(self) -> None:
        self._is_pending = False
        for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(name, self._record)

    def _record(self, *_: object) -> None:
        self._is_pending = True

    def pause(self, seconds: float) -> None:
        """Sleep.

        Raises:
            KeyboardInterrupt: A signal has arrived since this was last raised.
        """
        time.sleep(seconds)
        if self._is_pending:
            self._is_pending = False
            raise KeyboardInterrupt


async def _check(demo: RunningDemo, interrupts: _Interrupts) -> int:
    """Run the journeys. A signal ends the run while a journey waits for something."""
    from kasir.demo.journeys import run_all

    running = asyncio.create_task(run_all(demo))
    while not running.done():
        await asyncio.wait([running], timeout=_POLL_S)
        interrupts.pause(0)
    return running.result()


def _show(demo: RunningDemo, password: str) -> None:
    desk = f"{demo.kasir_url}/desk   (name: {DESK_PERSON}, password: {password})"
    print(
        f"""
  Buy something here   {demo.shop_url}
  Kasir                {demo.kasir_url}   (X-API-Key: {demo.api_key})
  The desk             {desk if password else "KASIR_DESK is off"}
  The twin             {demo.twin_url}   (the GoPay PIN is 123456)
  Settings for a shop  {demo.settings_file}   (set -a; . FILE; set +a)
  Logs                 {demo.logs}
{_trust(demo.authority) if demo.authority else ""}
  Ctrl-C stops everything.""",
        flush=True,
    )


def _trust(authority: Authority) -> str:
    """Return the lines that show how each kind of client trusts the demo's authority."""
    lines = (f"    {client:8} {command}" for client, command in authority.trust().items())
    return "\n".join(["\n  A client trusts the demo's certificate so:", *lines, ""])


if sys.platform == "win32":  # There is no SIGHUP, and no embedded PostgreSQL either.
    raise SystemExit("kasir demo needs Linux or macOS")
