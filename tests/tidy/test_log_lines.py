"""Every line that may be logged can be logged, and the runbook knows it.

A line is often written for a path that no test goes: what is wrong with it is found by reading,
and by giving it to the logger as it stands.
"""

from __future__ import annotations

import ast
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
import structlog

ROOT: Final = Path(__file__).resolve().parents[2]
SOURCES: Final = sorted((ROOT / "src").rglob("*.py"))
METHODS: Final = frozenset(
    {"debug", "info", "warning", "warn", "error", "exception", "critical", "fatal", "log", "msg"}
)
#: What the loggers themselves put into a line, or take out of it, under these names.
STRUCTLOGS: Final = frozenset(
    {
        *("event", "self", "level", "timestamp", "logger", "logger_name", "stack", "exception"),
        *("positional_args", "message", "msg", "stacklevel", "stack_info", "extra"),
    }
)
LOGGINGS: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


@dataclass(frozen=True)
class Line:
    """A call of a logger: where, of which library, how."""

    place: str
    is_structlog: bool
    method: str
    call: ast.Call

    @property
    def words(self) -> str:
        """What it says, where that is written out."""
        first = self.call.args[0] if self.call.args else None
        is_text = isinstance(first, ast.Constant) and isinstance(first.value, str)
        return first.value if is_text else ""  # type: ignore[union-attr]

    @property
    def fields(self) -> list[str]:
        """What it says it of; `**` is a field without a name."""
        return [keyword.arg or "**" for keyword in self.call.keywords]


def _loggers(tree: ast.Module) -> dict[str, bool]:
    """The names of a module's loggers, and whether each is structlog's."""
    made = {"structlog.get_logger": True, "logging.getLogger": False}
    return {
        target.id: made[ast.unparse(node.value.func)]
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
        for target in node.targets
        if isinstance(target, ast.Name) and ast.unparse(node.value.func) in made
    }


def lines(path: Path, text: str) -> Iterator[Line]:
    """Every call of a logger in a module."""
    tree = ast.parse(text)
    loggers = _loggers(tree)
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method)):
                if name in loggers and method in METHODS:
                    place = f"{path.relative_to(ROOT)}:{node.lineno}"
                    yield Line(place, loggers[name], method, node)


def faults(line: Line) -> list[str]:
    """What would go wrong with a line when its time comes."""
    found = []
    if not line.words:
        found.append("its words are not written out, so nobody can look for them")
    if line.is_structlog:
        found += [f"the field {one} is the logger's" for one in line.fields if one in STRUCTLOGS]
        found += ["its fields are not written out"] if "**" in line.fields else []
        found += ["it has words in several arguments"] if len(line.call.args) > 1 else []
        return found
    found += [f"{one} is no argument" for one in line.fields if one not in {"exc_info", "extra"}]
    if len(re.findall(r"%[^%]", line.words)) != len(line.call.args) - 1:
        found.append("it has more places than values, or fewer")
    return found + [f"extra {name} is the logger's" for name in _extras(line) if name in LOGGINGS]


def _extras(line: Line) -> list[str]:
    given = [one.value for one in line.call.keywords if one.arg == "extra"]
    keys = [key for one in given if isinstance(one, ast.Dict) for key in one.keys]
    return [str(key.value) for key in keys if isinstance(key, ast.Constant)]


EVERY: Final = [line for path in SOURCES for line in lines(path, path.read_text("utf-8"))]
OURS: Final = [line for line in EVERY if line.is_structlog]


def test_no_line_fails_when_its_time_comes() -> None:
    wrong = {line.place: said for line in EVERY if (said := faults(line))}

    assert wrong == {}
    # Both kinds were found, in both houses.
    assert {line.is_structlog for line in EVERY} == {True, False}


@pytest.mark.parametrize(
    "written",
    [
        "log.warning('x', event='evt_1')",
        "log.warning('x', level=3)",
        "log.warning(f'{x}')",
        "log.warning('x', 'y')",
        "log.warning('x', **y)",
        "log.warning()",
    ],
)
def test_a_line_that_would_fail_is_found(written: str) -> None:
    text = f"import structlog\nlog = structlog.get_logger('x')\n{written}"
    (line,) = lines(ROOT / "x.py", text)

    assert faults(line) != []


@pytest.mark.parametrize(
    "written",
    [
        "log.warning('%s')",
        "log.warning('x', 1)",
        "log.error('x', name=1)",
        "log.error('x', extra={'name': 1})",
        "log.error('%s' % 1)",
    ],
)
def test_a_line_of_the_twins_that_would_fail_is_found(written: str) -> None:
    (line,) = lines(ROOT / "x.py", f"import logging\nlog = logging.getLogger('x')\n{written}")

    assert faults(line) != []


@pytest.mark.parametrize("line", OURS, ids=lambda line: line.place)
def test_the_programs_logger_prints_each_line(
    line: Line, capsys: pytest.CaptureFixture[str]
) -> None:
    values = {name: f"value-of-{name}" for name in line.fields}
    getattr(structlog.get_logger(), line.method)(line.words, **values)
    printed = capsys.readouterr().out

    assert line.words in printed
    assert [name for name, said in values.items() if f"{name}={said}" not in printed] == []


def test_the_runbook_knows_each_line_by_its_words_and_fields() -> None:
    runbook = (ROOT / "docs" / "runbook.md").read_text("utf-8")
    _, _, part = runbook.partition("## What the log says")
    rows = re.findall(r"^\| `([^`|]+)` \| ([^|]*) \|", part.partition("\n## ")[0], re.MULTILINE)
    known = {words: set(re.findall(r"`(\w+)`", fields)) for words, fields in rows}

    assert {line.words: set(line.fields) for line in OURS} == known


def test_what_the_runbook_tells_to_look_for_is_a_line() -> None:
    runbook = (ROOT / "docs" / "runbook.md").read_text("utf-8")
    row = next(one for one in runbook.splitlines() if one.startswith("| the log, on stdout |"))
    _, _, paid = runbook.partition("## Paid, but the order was not delivered")
    told = re.findall(r"`([^`]+)`", row) + re.findall(
        r"`((?:the shop|an event) [^`]+)`", paid.partition("\n## ")[0]
    )

    assert len(told) >= 9
    assert set(told) - {line.words for line in OURS} == set()
