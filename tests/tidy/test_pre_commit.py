"""pre-commit runs the commands of `make lint`, and downloads no tool."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

HOOKS = PurePosixPath(".pre-commit-config.yaml")
MAKEFILE = PurePosixPath("Makefile")


def test_pre_commit_runs_the_commands_of_make_lint(texts: Mapping[PurePosixPath, str]) -> None:
    recipe = re.search(r"^lint:.*\n((?:\t.*\n)+)", texts[MAKEFILE], re.MULTILINE)
    hooks = re.findall(r"^ +entry: (.+)$", texts[HOOKS], re.MULTILINE)

    assert recipe is not None
    lint = re.findall(r"\$\(bin\)/(.+)", recipe[1])
    assert hooks == [f".venv/bin/{command}" for command in lint]


def test_pre_commit_downloads_no_tool(texts: Mapping[PurePosixPath, str]) -> None:
    repositories = re.findall(r"^ *- repo: (.+)$", texts[HOOKS], re.MULTILINE)
    languages = re.findall(r"^ +language: (.+)$", texts[HOOKS], re.MULTILINE)

    assert set(repositories) == {"local"}
    assert set(languages) == {"system"}
