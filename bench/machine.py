"""What the machine says of a process: how much memory it holds, how long it has computed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

_STAT_AFTER_NAME: Final = ") "  # A process's name may hold spaces; what follows it never does.
_UTIME, _STIME = 11, 12  # Counted from after the name: proc(5).
_KIB: Final = 1024


def rss_mib(pid: int) -> float:
    """The resident memory of a process, in MiB."""
    status = Path(f"/proc/{pid}/status")
    if status.exists():
        lines = status.read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / _KIB
    said = subprocess.run(
        ["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True
    )
    return int(said.stdout) / _KIB


def cpu_s(pid: int) -> float:
    """Seconds of processor a process has used; 0 where the system does not say."""
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        return 0.0
    fields = stat.read_text().rpartition(_STAT_AFTER_NAME)[2].split()
    return (int(fields[_UTIME]) + int(fields[_STIME])) / os.sysconf("SC_CLK_TCK")
