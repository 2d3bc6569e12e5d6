"""Generates the parts of docs/subscriptions.md that come from the code: states, moves, dunning.

Run this after a change of that code; a test fails while the page differs from the code.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final

from kasir.subscriptions import states
from kasir.subscriptions.dunning import Reason, Timetable
from kasir.subscriptions.states import Move, State, diagram

PAGE: Final = Path(__file__).resolve().parents[1] / "docs" / "subscriptions.md"
#: A generated part, between comments with its name.
_GENERATED: Final = re.compile(r"(<!-- (\w+) -->\n).*?(<!-- /\2 -->)", re.DOTALL)


def drawn(page: str) -> str:
    """Return the page with its generated parts updated."""
    parts = {
        "diagram": f"```mermaid\n{diagram()}\n```\n",
        "states": _table("state", State),
        "moves": _table("move", Move),
        "days": f"{', '.join(map(str, Timetable().days))}\n",
        "reasons": f"{', '.join(f'`{reason}`' for reason in Reason)}\n",
    }
    return _GENERATED.sub(lambda part: f"{part[1]}{parts[part[2]]}{part[3]}", page)


def _table(head: str, members: type[State | Move]) -> str:
    meanings = _sentences()
    rows = [f"| `{member}` | {meanings[member.name]} |" for member in members]
    return "\n".join([f"| {head} | what it says |", "|---|---|", *rows]) + "\n"


def _sentences() -> dict[str, str]:
    """Return the `#:` comment above each member in the source, by the member's name."""
    source = Path(states.__file__).read_text("utf-8")
    lines = source.splitlines()
    members = [
        node
        for enum in ast.walk(ast.parse(source))
        if isinstance(enum, ast.ClassDef)
        for node in enum.body
        if isinstance(node, ast.Assign)
    ]
    return {
        ast.unparse(node.targets[0]): lines[node.lineno - 2].strip().removeprefix("#: ")
        for node in members
    }


if __name__ == "__main__":
    PAGE.write_text(drawn(PAGE.read_text("utf-8")), "utf-8")
