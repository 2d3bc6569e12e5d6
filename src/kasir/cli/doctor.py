"""`kasir doctor`: prints a row for each check. A failed row shows what to do."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping

import msgspec

from kasir.doctor.findings import findings_of


async def doctor(environ: Mapping[str, str], *, as_json: bool) -> int:
    """Run every check and print a row for each; return the exit code, 1 if one failed."""
    findings = await findings_of(environ)
    if as_json:
        print(msgspec.json.encode(findings).decode())
    else:
        for finding in findings:
            print(f"{'ok  ' if finding.is_well else 'FAIL'}  {finding.what}: {finding.says}")
    return 0 if all(finding.is_well for finding in findings) else 1


def main(environ: Mapping[str, str], *, as_json: bool) -> None:
    """Run the command and exit with its exit code."""
    sys.exit(asyncio.run(doctor(environ, as_json=as_json)))
