"""A fixture for tests that configure logging as the commands do."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import structlog

from kasir.telemetry import logs


@pytest.fixture
def restored_logs() -> Iterator[None]:
    """After the test, the configuration of logging is that of before."""
    root, ours = logging.getLogger(), logging.getLogger("kasir")
    handlers, levels, hidden = [*root.handlers], (root.level, ours.level), {*logs._hidden}  # noqa: SLF001
    before = structlog.get_config()
    yield
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    ours.setLevel(levels[1])
    logs._hidden.clear()  # noqa: SLF001
    logs._hidden.update(hidden)  # noqa: SLF001
    structlog.configure(**before)
    logging.captureWarnings(capture=False)
