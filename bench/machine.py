"""The operating system's figures for a process: its memory and its processor time."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

_STAT_AFTER_NAME: Final = ") "  # A process's name may contain spaces; later fields do not.
_UTIME, _STIME = 11, 12  # Positions among the fields after the name, see proc(5).
_KIB: Final = 1024


def rss_mib(pid: int) -> float:
    """The resident memory of a process, in MiB."""
    status = Path(f"/proc/{pid}/status")
    if status.exists():
        lines = status.read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / _KIB
    ps = subprocess.run(
        ["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True
    )
    return int(ps.stdout) / _KIB


def cpu_s(pid: int) -> float:
    """Seconds of processor time that a process has used; 0 if the system does not report it."""
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        return 0.0
    fields = stat.read_text().rpartition(_STAT_AFTER_NAME)[2].split()
    return (int(fields[_UTIME]) + int(fields[_STIME])) / os.sysconf("SC_CLK_TCK")
