"""A journey that runs after most others: `kasir doctor` reports no problem."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Final

from kasir.demo.client import JourneyClient, JourneyError


async def doctor(client: JourneyClient) -> None:
    """No check of `kasir doctor` fails."""
    program = str(Path(sys.executable).with_name("kasir"))
    process = await asyncio.create_subprocess_exec(
        program,
        "doctor",
        "--json",
        env=dict(client.made.environment),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    failed = [row for row in json.loads(output) if not row["is_well"]]
    if failed or process.returncode != 0:
        raise JourneyError(f"the doctor ends with {process.returncode} and finds {failed}")


JOURNEYS: Final = {"the doctor finds nothing": doctor}
