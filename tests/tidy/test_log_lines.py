"""Every log call in `src` is valid, and the runbook documents its message and fields.

Some log calls are run by no other test. So these tests find all calls in the source, and log the
message and the fields of each call of structlog once.
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
#: The names that structlog uses itself. A call may not use them as fields.
STRUCTLOG_NAMES: Final = frozenset(
    {
        *("event", "self", "level", "timestamp", "logger", "logger_name", "stack", "exception"),
        *("positional_args", "message", "msg", "stacklevel", "stack_info", "extra"),
    }
)
#: The names that `logging` uses itself. A call may not use them in `extra`.
LOGGING_NAMES: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


@dataclass(frozen=True)
class Line:
    """A log call.

    Attributes:
        location: The file and the line number.
        is_structlog: Whether the logger is one of structlog; otherwise it is one of `logging`.
        method: The called method, such as `warning`.
        call: The syntax node of the call.
    """

    location: str
    is_structlog: bool
    method: str
    call: ast.Call

    @property
    def message(self) -> str:
        """The message, or an empty text if it is not a constant."""
        first = self.call.args[0] if self.call.args else None
        is_text = isinstance(first, ast.Constant) and isinstance(first.value, str)
        return first.value if is_text else ""  # type: ignore[union-attr]

    @property
    def fields(self) -> list[str]:
        """The names of the keyword arguments; `**` stands for an unpacked mapping."""
        return [keyword.arg or "**" for keyword in self.call.keywords]


def _loggers(tree: ast.Module) -> dict[str, bool]:
    """The names of a module's loggers, each with True for structlog and False for `logging`."""
    is_structlog = {"structlog.get_logger": True, "logging.getLogger": False}
    return {
        target.id: is_structlog[ast.unparse(node.value.func)]
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
        for target in node.targets
        if isinstance(target, ast.Name) and ast.unparse(node.value.func) in is_structlog
    }


def lines(path: Path, text: str) -> Iterator[Line]:
    """Every log call in a module."""
    tree = ast.parse(text)
    loggers = _loggers(tree)
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method)):
                if name in loggers and method in METHODS:
                    location = f"{path.relative_to(ROOT)}:{node.lineno}"
                    yield Line(location, loggers[name], method, node)


def faults(line: Line) -> list[str]:
    """The faults of a log call, most of which would raise an error when it runs."""
    found = []
    if not line.message:
        found.append("the message is not a constant, so an operator cannot search for it")
    if line.is_structlog:
        found += [
            f"structlog uses the field {name} itself"
            for name in line.fields
            if name in STRUCTLOG_NAMES
        ]
        found += ["the names of the fields are not in the call"] if "**" in line.fields else []
        found += ["there are several positional arguments"] if len(line.call.args) > 1 else []
        return found
    found += [
        f"{name} is not an argument of the method"
        for name in line.fields
        if name not in {"exc_info", "extra"}
    ]
    if len(re.findall(r"%[^%]", line.message)) != len(line.call.args) - 1:
        found.append("the numbers of placeholders and of values differ")
    return found + [
        f"logging uses the name {name} itself" for name in _extras(line) if name in LOGGING_NAMES
    ]


def _extras(line: Line) -> list[str]:
    """The names in the call's `extra`."""
    values = [keyword.value for keyword in line.call.keywords if keyword.arg == "extra"]
    keys = [key for value in values if isinstance(value, ast.Dict) for key in value.keys]
    return [str(key.value) for key in keys if isinstance(key, ast.Constant)]


EVERY: Final = [line for path in SOURCES for line in lines(path, path.read_text("utf-8"))]
#: The calls of structlog, which the runbook documents.
OURS: Final = [line for line in EVERY if line.is_structlog]


def test_no_log_call_has_a_fault() -> None:
    wrong = {line.location: found for line in EVERY if (found := faults(line))}

    assert wrong == {}
    # Calls of both libraries were found.
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
def test_a_faulty_call_of_structlog_is_found(written: str) -> None:
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
def test_a_faulty_call_of_logging_is_found(written: str) -> None:
    (line,) = lines(ROOT / "x.py", f"import logging\nlog = logging.getLogger('x')\n{written}")

    assert faults(line) != []


@pytest.mark.parametrize("line", OURS, ids=lambda line: line.location)
def test_structlog_prints_the_message_and_fields_of_each_call(
    line: Line, capsys: pytest.CaptureFixture[str]
) -> None:
    values = {name: f"value-of-{name}" for name in line.fields}
    getattr(structlog.get_logger(), line.method)(line.message, **values)
    printed = capsys.readouterr().out

    assert line.message in printed
    assert [name for name, value in values.items() if f"{name}={value}" not in printed] == []


def test_the_runbook_lists_each_message_with_its_fields() -> None:
    runbook = (ROOT / "docs" / "runbook.md").read_text("utf-8")
    _, _, part = runbook.partition("## What the log says")
    rows = re.findall(r"^\| `([^`|]+)` \| ([^|]*) \|", part.partition("\n## ")[0], re.MULTILINE)
    documented = {message: set(re.findall(r"`(\w+)`", fields)) for message, fields in rows}

    assert {line.message: set(line.fields) for line in OURS} == documented


def test_every_message_that_the_runbook_names_exists() -> None:
    runbook = (ROOT / "docs" / "runbook.md").read_text("utf-8")
    # The page names messages in one row of a table and in one section.
    row = next(line for line in runbook.splitlines() if line.startswith("| the log, on stdout |"))
    _, _, section = runbook.partition("## Paid, but the order was not delivered")
    named = re.findall(r"`([^`]+)`", row) + re.findall(
        r"`((?:the shop|an event) [^`]+)`", section.partition("\n## ")[0]
    )

    assert len(named) >= 9
    assert set(named) - {line.message for line in OURS} == set()
