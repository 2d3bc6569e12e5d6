"""The command `kasir` as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from fakes import KEY

KASIR: Final = [sys.executable, "-c", "from kasir.cli.main import main; main()"]
#: Settings enough to run beside a twin that nobody started.
TWIN: Final = {
    "ADYEN_ENVIRONMENT": "twin",
    "ADYEN_TWIN_URL": "http://127.0.0.1:9",
    "ADYEN_HMAC_KEY": KEY,
}


def environment(given: dict[str, str]) -> dict[str, str]:
    """What a command is started with: none of the caller's own settings, and those given."""
    plain = {
        name: text for name, text in os.environ.items() if not name.startswith(("ADYEN_", "KASIR_"))
    }
    return plain | given


def kasir(*words: str, **given: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [*KASIR, *words],
        env=environment(given),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def is_one_line(text: str) -> bool:
    """Whether a fault is told as every command promises to."""
    return len(text.splitlines()) == 1 and "Traceback" not in text


@contextmanager
def running(*words: str, **given: str) -> Iterator[subprocess.Popen[str]]:
    """A command at work; killed at the end if it still is."""
    with subprocess.Popen(
        [*KASIR, *words],
        env=environment(given),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()
