"""Fixtures for every test: a real PostgreSQL, a real browser, and all programs running."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest
from hypothesis import settings

from browser import *  # noqa: F403  # pytest finds fixtures by their names in this module.
from configured_logs import *  # noqa: F403
from left_out import *  # noqa: F403
from lock_witness import *  # noqa: F403
from postgres import *  # noqa: F403
from running_system import *  # noqa: F403

# Without a deadline: the duration of an example depends on the load of the machine.
settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")

#: The folders with the slowest tests. The workers of pytest-xdist run them first, so that at the
#: end no worker still runs a slow file while the others are idle.
SLOWEST: Final = ("tests/journeys", "tests/integration/cli", "tests/integration/store")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """`--numprocesses auto`: one worker more than cores, because tests often wait for programs."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the tests of the slowest folders first; keep the order within a folder."""
    # Only workers of pytest-xdist have this attribute; without them the order saves no time.
    if not hasattr(config, "workerinput"):
        return

    def rank(item: pytest.Item) -> int:
        folder = Path(item.location[0]).parent.as_posix()
        return SLOWEST.index(folder) if folder in SLOWEST else len(SLOWEST)

    items.sort(key=rank)
