"""What the tests of the system walk over: its files as git sees them, its modules as syntax trees.

Files that are new and not yet committed count, so that a fault shows before the commit.
"""

import ast
import subprocess
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIST_FILES = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")


@pytest.fixture(scope="session")
def files() -> frozenset[PurePosixPath]:
    """Every file of the project, pictures too, by its path from the root."""
    listed = subprocess.run(LIST_FILES, cwd=ROOT, capture_output=True, text=True, check=True)
    names = set(listed.stdout.split("\0")) - {""}
    # What was deleted and is not yet committed so is no more.
    return frozenset(PurePosixPath(name) for name in names if (ROOT / name).is_file())


@pytest.fixture(scope="session")
def texts(files: frozenset[PurePosixPath]) -> Mapping[PurePosixPath, str]:
    """Every file of the project that is text, by its path from the root."""
    found: dict[PurePosixPath, str] = {}
    for path in sorted(files):
        try:
            found[path] = (ROOT / path).read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError):
            continue  # A picture, or a file deleted a moment ago.
    return found


@pytest.fixture(scope="session")
def modules(texts: Mapping[PurePosixPath, str]) -> Mapping[PurePosixPath, ast.Module]:
    """Every Python module under src, parsed."""
    return {
        path: ast.parse(text, filename=str(path))
        for path, text in texts.items()
        if path.parts[0] == "src" and path.suffix == ".py"
    }


@pytest.fixture(scope="session")
def pages(texts: Mapping[PurePosixPath, str]) -> Mapping[PurePosixPath, str]:
    """Every page of prose: Markdown, wherever it lies."""
    return {path: text for path, text in texts.items() if path.suffix == ".md"}
