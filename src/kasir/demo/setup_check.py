"""A journey that runs last: `kasir setup` sets up the twin's account, and again changes nothing."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any, Final

from kasir.demo.client import JourneyClient, JourneyError, expect


async def setup(client: JourneyClient) -> None:
    """`kasir setup` corrects the webhook and tests it; a second run finds nothing to do."""
    first = await _setup(client)
    kinds = [step["kind"] for step in first["steps"]]
    # The demo's webhook has a key already, and lacks an event.
    expect(kinds, ["change", "test"], "what the first run does")
    second = await _setup(client)
    expect(second["steps"], [], "what the second run does")


async def _setup(client: JourneyClient) -> dict[str, Any]:
    """Run the command; return what it printed.

    Raises:
        JourneyError: It ended with a fault.
    """
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("kasir")),
        *("setup", "--yes", "--json"),
        env=dict(client.made.environment),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    if process.returncode != 0:
        raise JourneyError(f"setup ends with {process.returncode}: {output.decode()}")
    report: dict[str, Any] = json.loads(output)
    return report


JOURNEYS: Final = {"setup": setup}
