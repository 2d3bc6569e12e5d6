"""Which seeds a test runs: its usual ones, or those that `KASIR_SEEDS` names."""

from __future__ import annotations

import os
from collections.abc import Iterable


def seeds(usual: Iterable[int]) -> list[int]:
    """`KASIR_SEEDS=17,18` names two seeds, `KASIR_SEEDS=1-300` all from the first to the last."""
    given = os.environ.get("KASIR_SEEDS")
    if not given:
        return list(usual)
    chosen: list[int] = []
    for part in given.split(","):
        first, _, last = part.partition("-")
        chosen += range(int(first), int(last or first) + 1)
    return chosen
