"""The last journey: after all the others, `kasir doctor` reports no problem."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Final

from kasir.demo.client import JourneyClient, JourneyError


async def doctor(client: JourneyClient) -> None:
    """Every row of `kasir doctor` is green."""
    program = str(Path(sys.executable).with_name("kasir"))
    process = await asyncio.create_subprocess_exec(
        program,
        "doctor",
        "--json",
        env=dict(client.made.environment),
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    red = [row for row in json.loads(said) if not row["is_well"]]
    if red or process.returncode != 0:
        raise JourneyError(f"the doctor ends with {process.returncode} and finds {red}")


JOURNEYS: Final = {"the doctor finds nothing": doctor}
