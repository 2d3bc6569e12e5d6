"""Limits on the length of modules and functions, and on the depth of folders, in `src`."""

import ast
from collections.abc import Mapping
from pathlib import PurePosixPath

MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
FOLDERS_MAX = 3  # `src`, the distribution's package, and one package in it.


def test_no_module_is_longer_than_its_limit(texts: Mapping[PurePosixPath, str]) -> None:
    too_long = {
        str(path): lines
        for path, text in texts.items()
        if path.parts[0] == "src" and path.suffix == ".py"
        if (lines := len(text.splitlines())) > MODULE_LINES_MAX
    }

    assert too_long == {}


def test_no_function_is_longer_than_its_limit(
    modules: Mapping[PurePosixPath, ast.Module],
) -> None:
    too_long = {
        f"{path}:{node.lineno} {node.name}": lines
        for path, module in modules.items()
        for node in ast.walk(module)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES_MAX
    }

    assert too_long == {}


def test_no_module_is_in_more_folders_than_the_limit(
    modules: Mapping[PurePosixPath, ast.Module],
) -> None:
    too_deep = [str(path) for path in modules if len(path.parts) - 1 > FOLDERS_MAX]

    assert too_deep == []
