"""The version and the commit of this installation, as `kasir --version` prints them."""

from __future__ import annotations

import importlib.metadata
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Final

#: The root of the repository, if this package is in a checkout.
_ROOT: Final = Path(__file__).parents[3]
_GIT_S_MAX: Final = 10


def version() -> str:
    """Return the version and the commit, such as `0.1.0 (commit 1f2e…)`."""
    return f"{importlib.metadata.version('kasir')} (commit {_commit() or 'unknown'})"


def _commit() -> str:
    """The commit that the build put into the package, or that of the checkout; else empty."""
    built = files("kasir") / "commit.txt"
    if built.is_file():
        return built.read_text(encoding="ascii").strip()
    return _checked_out() if (_ROOT / ".git").exists() else ""


def _checked_out() -> str:
    """The checkout's commit, with `-dirty` if a file differs; empty if git does not know it."""
    describe = ["git", "-C", str(_ROOT), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        done = subprocess.run(  # noqa: S603  # The arguments are our own.
            [*describe, "--exclude=*"],
            capture_output=True,
            text=True,
            timeout=_GIT_S_MAX,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()
