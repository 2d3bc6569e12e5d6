"""`kasir demo`: the show, or with `--check` its rehearsal."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import Final

from kasir.demo.stage import Stage, free_port, stage

_KASIR_PORT: Final = 8000
_TWIN_PORT: Final = 8700


def run(*, port: int | None, twin_port: int | None, data: Path | None, check: bool) -> int:
    """Run the demo until Ctrl-C, or walk its journeys.

    Args:
        port: Kasir's; 8000 unless given, or any free one for a check.
        twin_port: The twin's; 8700 unless given, or any free one for a check.
        data: Folder to keep the database in; a temporary one unless given.
        check: Walk every journey, print a row each, and stop.

    Returns:
        0, or 1 where a journey went wrong.
    """
    for name in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, _interrupt)
    kasir_port = port or (free_port() if check else _KASIR_PORT)
    with stage(
        port=kasir_port,
        twin_port=twin_port or (free_port() if check else _TWIN_PORT),
        shop_port=free_port() if check else kasir_port + 1,
        data=data,
    ) as made:
        if check:
            from kasir.demo.journeys import walk

            return asyncio.run(walk(made))
        _show(made)
        try:
            signal.pause()
        except KeyboardInterrupt:
            print("\nstopping")
    return 0


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


def _interrupt(*_: object) -> None:
    # Told to stop by another than the keyboard: the same way out.
    raise KeyboardInterrupt


if sys.platform == "win32":  # There is no signal.pause, and no embedded PostgreSQL either.
    raise SystemExit("kasir demo needs Linux or macOS")
