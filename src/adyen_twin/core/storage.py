"""The state file: the twin's state as one JSON file, where `--state` names one.

The file is replaced as a whole, never changed in place. It is written within a second
of a change and once more at the end, so a twin that is killed loses its last second.
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
    """Return the state in a file; a new state if there is no file yet.

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
        reply.running = False  # The process that was answering has ended.
    return state


def save(twin: Twin, path: Path) -> None:
    """Write the state; a reader sees the old file or the new one, never a part."""
    twin.state.advanced_s = twin.clock.advanced_s
    new = path.with_name(f"{path.name}.new")
    new.write_bytes(msgspec.json.encode(twin.state))
    new.replace(path)


@contextlib.asynccontextmanager
async def saving(twin: Twin) -> AsyncIterator[None]:
    """Keep the state file up to date for as long as the block lasts."""
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
