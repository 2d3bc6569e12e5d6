"""Fixtures for every test: a real PostgreSQL, a real browser, and all programs running."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest
from hypothesis import settings

from browser import *  # noqa: F403  # Its fixtures, with their names.
from left_out import *  # noqa: F403
from lock_witness import *  # noqa: F403
from postgres import *  # noqa: F403
from running_system import *  # noqa: F403

# How long an example takes depends on the machine and not on the code.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

#: The folders whose files take longest. Several workers of pytest-xdist take files in this order,
#: so that no long file is left to the end, when the other workers have nothing to do.
SLOWEST: Final = ("tests/journeys", "tests/integration/cli", "tests/integration/store")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """`--numprocesses auto`: one worker more than cores, since tests often wait for a program."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the tests of the slowest folders first; the order within a folder stays."""
    if not hasattr(config, "workerinput"):
        return

    def place(item: pytest.Item) -> int:
        folder = Path(item.location[0]).parent.as_posix()
        return SLOWEST.index(folder) if folder in SLOWEST else len(SLOWEST)

    items.sort(key=place)
