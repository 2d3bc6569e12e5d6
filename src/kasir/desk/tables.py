"""Tables that are a list on a phone: each cell has the label of its column."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from markupsafe import Markup, escape

_CELL: Final = re.compile(r"<(td|th)(?=[\s>])")
#: A browser forgets what the elements of a table are once a style shows them as a list.
_ROLES: Final = {"td": "cell", "th": "rowheader"}


def labelled(cells: str, labels: Sequence[str]) -> Markup:
    """Return the cells of a row, each with its role, and its label as `data-label`.

    Raises:
        ValueError: A row has more or fewer cells than the table has columns.
    """
    found = _CELL.findall(cells)
    if len(found) != len(labels):
        raise ValueError(f"{len(found)} cells for the columns {', '.join(labels)}")
    left = iter(labels)

    def with_label(match: re.Match[str]) -> str:
        element = match[1]
        return f'<{element} role="{_ROLES[element]}" data-label="{escape(next(left))}"'

    return Markup(_CELL.sub(with_label, cells))  # noqa: S704  # A template made the cells.
