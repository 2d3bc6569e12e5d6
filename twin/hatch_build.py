"""Puts the commit into a wheel or an sdist, as `commit.txt` of its package.

The commit is that of the repository, or of the sdist that a wheel is built from. A build without
the repository's history, such as that of a container image, gives it in the variable KASIR_COMMIT.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CommitHook(BuildHookInterface[Any]):
    """Adds `commit.txt`, which `--version` prints."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the file; an editable install has none, because its commit changes."""
        package = self.metadata.core.name.replace("-", "_")
        kept = Path(self.root, "src", package, "commit.txt")
        if version == "editable" or kept.exists():  # An sdist has it already.
            return
        if commit := os.environ.get("KASIR_COMMIT") or _commit(Path(self.root)):
            made = Path(self.directory, f"{package}-commit.txt")
            made.parent.mkdir(parents=True, exist_ok=True)
            made.write_text(f"{commit}\n", encoding="ascii")
            is_wheel = self.target_name == "wheel"
            build_data["force_include"][str(made)] = (
                f"{package}/commit.txt" if is_wheel else f"src/{package}/commit.txt"
            )

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the file that `initialize` made."""
        for made in Path(self.directory).glob("*-commit.txt"):
            made.unlink()


def _commit(root: Path) -> str:
    """The commit of the checkout, with `-dirty` if a file differs; empty if it is not known.

    Git also finds a repository of somebody else around a copy of the source, so it is not asked
    unless the repository begins here or, for the twin, in the folder above.
    """
    is_twin = (root.parent / "src" / "kasir").is_dir()
    if not ((root.parent if is_twin else root) / ".git").exists():
        return ""
    describe = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        done = subprocess.run(
            [*describe, "--exclude=*"], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()
