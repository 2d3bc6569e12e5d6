"""`kasir demo`: the show, or with `--check` its rehearsal."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from pathlib import Path
from typing import Final

from kasir.demo.processes import Stage, free_port, stage

_KASIR_PORT: Final = 8000
_TWIN_PORT: Final = 8700
_LOOK_S: Final = 0.1


def run(*, port: int | None, twin_port: int | None, data: Path | None, check: bool) -> int:
    """Run the demo until Ctrl-C, or walk its journeys.

    Args:
        port: Kasir's; 8000 unless given, or any free one for a check.
        twin_port: The twin's; 8700 unless given, or any free one for a check.
        data: Folder to keep the database and the twin's state in; temporary unless given.
        check: Walk every journey, print a row each, and stop.

    Returns:
        0, or 1 where a journey went wrong.
    """
    bell = _Bell()
    kasir_port = port or (free_port() if check else _KASIR_PORT)
    with stage(
        port=kasir_port,
        twin_port=twin_port or (free_port() if check else _TWIN_PORT),
        shop_port=free_port() if check else kasir_port + 1,
        data=data,
        pause=bell.pause,
    ) as made:
        if check:
            return asyncio.run(_walked(made, bell))
        _show(made)
        try:
            while True:
                bell.pause(_LOOK_S)
        except KeyboardInterrupt:
            print("\nstopping")
    return 0


class _Bell:
    """Ctrl-C and its like: heard at any time, obeyed only where nothing is half done.

    Python would raise wherever it happens to be: between a program's start and the note that it
    must be stopped, in a lock just taken, or where exceptions are ignored and the bell is lost.
    """

    def __init__(self) -> None:
        self._has_rung = False
        for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(name, self._ring)

    def _ring(self, *_: object) -> None:
        self._has_rung = True

    def pause(self, seconds: float) -> None:
        """Sleep.

        Raises:
            KeyboardInterrupt: The bell has rung since it raised last.
        """
        time.sleep(seconds)
        if self._has_rung:
            self._has_rung = False
            raise KeyboardInterrupt


async def _walked(made: Stage, bell: _Bell) -> int:
    """Walk the journeys; when the bell rings, the walk is broken off as it waits for something."""
    from kasir.demo.journeys import walk

    walking = asyncio.create_task(walk(made))
    while not walking.done():
        await asyncio.wait([walking], timeout=_LOOK_S)
        bell.pause(0)
    return walking.result()


def _show(made: Stage) -> None:
    print(
        f"""
  Buy something here   {made.shop_url}
  Kasir                {made.kasir_url}   (X-API-Key: {made.api_key})
  The twin             {made.twin_url}   (the GoPay PIN is 123456)
  Logs                 {made.logs}

  Ctrl-C stops everything.""",
        flush=True,
    )


if sys.platform == "win32":  # There is no SIGHUP, and no embedded PostgreSQL either.
    raise SystemExit("kasir demo needs Linux or macOS")
