"""The seeds that a test runs: its default ones, or those in `KASIR_SEEDS`."""

from __future__ import annotations

import os
from collections.abc import Iterable


def seeds(default: Iterable[int]) -> list[int]:
    """The seeds in `KASIR_SEEDS`, such as `17,18` or `1-300` (both included), or the default."""
    given = os.environ.get("KASIR_SEEDS")
    if not given:
        return list(default)
    chosen: list[int] = []
    for part in given.split(","):
        first, _, last = part.partition("-")
        chosen += range(int(first), int(last or first) + 1)
    return chosen
