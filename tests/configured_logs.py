"""Each test leaves logging as it found it, also when it runs a command, which configures it."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import structlog

from kasir.telemetry import logs


@pytest.fixture(autouse=True)
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
