"""The state file: the twin's state as one JSON file, at the path of the option `--state`.

Each write replaces the whole file. The file is written about a second after a change and at
the end, so a killed twin loses the changes of its last second.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from adyen_twin.core.state import State
from adyen_twin.core.twin import Twin

SAVE_EVERY_S = 1.0


class UnreadableStateError(Exception):
    """The state file was not written by a twin."""


def load(path: Path) -> State:
    """Return the state in a file, or a new state if the file does not exist.

    Raises:
        UnreadableStateError: The file exists and cannot be read.

    """
    try:
        state = msgspec.json.decode(path.read_bytes(), type=State)
    except FileNotFoundError:
        return State()
    except (OSError, msgspec.DecodeError) as error:
        raise UnreadableStateError(f"{path}: {error}") from error
    for reply in state.replies.values():
        reply.running = False  # The process that ran the call has ended.
    return state


def save(twin: Twin, path: Path) -> None:
    """Write the state. A reader sees either the whole old file or the whole new file."""
    twin.state.advanced_s = twin.clock.advanced_s
    new_file = path.with_name(f"{path.name}.new")
    new_file.write_bytes(msgspec.json.encode(twin.state))
    new_file.replace(path)


@contextlib.asynccontextmanager
async def saving(twin: Twin) -> AsyncIterator[None]:
    """Save the state regularly during the block, and once at its end."""
    path = twin.settings.state_file
    if path is None:
        yield
        return
    task = asyncio.create_task(_save_repeatedly(twin, path))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        save(twin, path)


async def _save_repeatedly(twin: Twin, path: Path) -> None:
    saved = b""
    while True:
        await asyncio.sleep(SAVE_EVERY_S)
        current = msgspec.json.encode(twin.state)
        if current != saved:
            save(twin, path)
            saved = current
