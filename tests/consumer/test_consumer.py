"""A shop's project that uses Kasir, checked by mypy --strict and by pyright in strict mode.

`warung/right.py` has no error. In `warung/wrong.py` exactly the marked lines have one, each the one
that its comment names, so that a misspelling in a shop never passes.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import pytest

FOLDER: Final = Path(__file__).parent
PYRIGHT: Final = FOLDER / "node_modules" / "pyright" / "index.js"
NODE: Final = shutil.which("node")
MARK: Final = re.compile(r"# mypy: ([\w-]+), pyright: (\w+)$")
PATIENCE_S: Final = 300

#: The errors of each line of each file: `{(file, line): {code, ...}}`.
Found = dict[tuple[str, int], set[str]]


def test_mypy_finds_the_marked_errors_and_no_other(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mypy", "--config-file", "pyproject.toml"]
    output = _output([*command, "--cache-dir", str(tmp_path), "--output", "json", "warung"])
    errors = [json.loads(line) for line in output.splitlines() if line.startswith("{")]

    _assert_marked(
        1, ((row["file"], row["line"], row["code"]) for row in errors if row["severity"] == "error")
    )


@pytest.mark.skipif(
    NODE is None or not PYRIGHT.exists(),
    reason="node is missing, or `make node` has not installed pyright",
)
def test_pyright_finds_the_marked_errors_and_no_other() -> None:
    command = [str(NODE), str(PYRIGHT), "--pythonpath", sys.executable, "--outputjson"]
    errors = json.loads(_output(command))["generalDiagnostics"]

    _assert_marked(
        2, ((row["file"], row["range"]["start"]["line"] + 1, row["rule"]) for row in errors)
    )


def test_the_wrong_uses_name_every_kind_of_mistake() -> None:
    marked = [found for found in map(MARK.search, _lines()) if found]

    assert len(marked) >= 30


def _output(command: list[str]) -> str:
    """Run a type checker in the consumer's folder; it finds errors, so it exits with 1."""
    done = subprocess.run(
        command, cwd=FOLDER, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


def _assert_marked(group: int, errors: Iterable[tuple[str, int, str]]) -> None:
    """Compare errors (file, line, code) with the marks; `group` is the checker's part of a mark."""
    codes: Found = {}
    for file, line, code in errors:
        codes.setdefault((Path(file).name, line), set()).add(code)
    expected = {
        ("wrong.py", number): found[group]
        for number, line in enumerate(_lines(), start=1)
        if (found := MARK.search(line))
    }

    assert codes.keys() == expected.keys()
    assert {key: code for key, code in expected.items() if code not in codes[key]} == {}


def _lines() -> list[str]:
    return (FOLDER / "warung" / "wrong.py").read_text("utf-8").splitlines()
