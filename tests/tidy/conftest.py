"""The files of the project as git lists them, their texts, and the parsed modules of `src`.

New files that are not committed yet are included, so that a test can fail before the commit.
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
    """The path of every file of the project, including pictures, relative to its root."""
    listed = subprocess.run(LIST_FILES, cwd=ROOT, capture_output=True, text=True, check=True)
    names = set(listed.stdout.split("\0")) - {""}
    # git also lists a deleted file whose deletion is not committed yet.
    return frozenset(PurePosixPath(name) for name in names if (ROOT / name).is_file())


@pytest.fixture(scope="session")
def texts(files: frozenset[PurePosixPath]) -> Mapping[PurePosixPath, str]:
    """The text of every text file of the project, by its path relative to the root."""
    text_of: dict[PurePosixPath, str] = {}
    for path in sorted(files):
        try:
            text_of[path] = (ROOT / path).read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError):
            continue  # A picture, or a file that was deleted after `files` had read the list.
    return text_of


@pytest.fixture(scope="session")
def modules(texts: Mapping[PurePosixPath, str]) -> Mapping[PurePosixPath, ast.Module]:
    """The syntax tree of every Python module under src, by its path relative to the root."""
    return {
        path: ast.parse(text, filename=str(path))
        for path, text in texts.items()
        if path.parts[0] == "src" and path.suffix == ".py"
    }


@pytest.fixture(scope="session")
def pages(texts: Mapping[PurePosixPath, str]) -> Mapping[PurePosixPath, str]:
    """The text of every Markdown file, by its path relative to the root."""
    return {path: text for path, text in texts.items() if path.suffix == ".md"}
