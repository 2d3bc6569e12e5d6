"""Prints how many tests of each file a marker expression, such as `-m "not long"`, deselects.

pytest prints only their total, and with pytest-xdist not even that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import pytest

__all__ = [
    "pytest_deselected",
    "pytest_sessionfinish",
    "pytest_terminal_summary",
    "pytest_testnodedown",
]

#: The key under which a pytest configuration stores the number of deselected tests of each file.
_LEFT_OUT: Final = pytest.StashKey[Counter[str]]()


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    """Count the deselected tests, by file."""
    for item in items:
        left_out = item.config.stash.setdefault(_LEFT_OUT, Counter())
        left_out[item.location[0]] += 1


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Send the counts of a worker of pytest-xdist to the process that prints."""
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        left_out = session.config.stash.get(_LEFT_OUT, Counter[str]())
        output["left_out"] = {**left_out}


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Store the counts of a worker; every worker deselects the same tests."""
    # A crashed worker has sent no counts.
    counts = getattr(node, "workeroutput", {}).get("left_out", {})
    if counts:
        node.config.stash[_LEFT_OUT] = Counter(counts)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the counts if a marker expression was given."""
    left_out = config.stash.get(_LEFT_OUT, None)
    if not (left_out and config.option.markexpr):
        return
    terminalreporter.section(f"{left_out.total()} tests left out by -m {config.option.markexpr!r}")
    for file, count in sorted(left_out.items()):
        terminalreporter.line(f"{count:5} {file}")
