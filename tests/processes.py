"""Waiting for a process of Kasir's to answer."""

from __future__ import annotations

import time
import urllib.request


def until_ready(url: str) -> None:
    """Wait until a server is ready."""
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(f"{url}/health/ready", timeout=5):
                return
        except OSError:
            assert time.monotonic() < deadline, "it never became ready"
            time.sleep(0.05)
