"""`--version` prints the version and the commit, of a build, of a checkout, or `unknown`."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from adyen_twin import version as version_of_twin
from kasir.cli import version as version_of_kasir

MODULES = [version_of_kasir, version_of_twin]
each_program = pytest.mark.parametrize("module", MODULES, ids=["kasir", "adyen-twin"])
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@each_program
def test_a_built_package_has_the_commit_of_its_build(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "commit.txt").write_text(f"{COMMIT}\n")
    monkeypatch.setattr(module, "files", lambda _: tmp_path)

    assert module.version() == f"0.1.0 (commit {COMMIT})"


@each_program
def test_in_a_checkout_git_knows_the_commit(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@example.com"]
    subprocess.run([*git, "init", "--quiet"], check=True)
    subprocess.run([*git, "commit", "--quiet", "--allow-empty", "--message", "a"], check=True)
    head = subprocess.run(
        [*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()
    monkeypatch.setattr(module, "_ROOT", tmp_path)
    clean = module.version()

    assert clean == f"0.1.0 (commit {head})"


@each_program
@pytest.mark.parametrize("fault", ["no repository", "no git", "git hangs", "not a repository"])
def test_where_nothing_knows_the_commit_it_is_unknown(
    module: ModuleType, fault: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def hang(*_: object, **options: object) -> None:
        raise subprocess.TimeoutExpired("git", 10)

    monkeypatch.setattr(module, "_ROOT", tmp_path)
    if fault != "no repository":
        (tmp_path / ".git").write_text("not a repository")
    if fault == "no git":
        monkeypatch.setenv("PATH", "")
    if fault == "git hangs":
        monkeypatch.setattr(subprocess, "run", hang)

    assert module.version() == "0.1.0 (commit unknown)"
