"""The twin's memory on disk, where it was told to keep one: one JSON file.

The file is replaced whole, never written into; it is written a second after something
changed and once more at the end, so a twin that is killed forgets its last second.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from adyen_twin.core.state import State
from adyen_twin.core.twin import Twin

SAVE_EVERY_S = 1.0


class UnreadableStateError(Exception):
    """The state file is not one that this twin wrote."""


def load(path: Path) -> State:
    """Return the state kept in a file; a new one if there is no file yet.

    Raises:
        UnreadableStateError: There is a file, and it cannot be read.

    """
    try:
        state = msgspec.json.decode(path.read_bytes(), type=State)
    except FileNotFoundError:
        return State()
    except (OSError, msgspec.DecodeError) as error:
        raise UnreadableStateError(f"{path}: {error}") from error
    for reply in state.replies.values():
        reply.running = False  # Whoever was being answered is gone.
    return state


def save(twin: Twin, path: Path) -> None:
    """Write the state; a reader sees the old file or the new one, never a half."""
    twin.state.advanced_s = twin.clock.advanced_s
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_bytes(msgspec.json.encode(twin.state))
    fresh.replace(path)


@contextlib.asynccontextmanager
async def saving(twin: Twin) -> AsyncIterator[None]:
    """Keep the state file fresh for as long as the block lasts."""
    path = twin.settings.state_file
    if path is None:
        yield
        return
    task = asyncio.create_task(_save_often(twin, path))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        save(twin, path)


async def _save_often(twin: Twin, path: Path) -> None:
    saved = b""
    while True:
        await asyncio.sleep(SAVE_EVERY_S)
        now = msgspec.json.encode(twin.state)
        if now != saved:
            save(twin, path)
            saved = now
