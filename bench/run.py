"""`make bench`: Kasir compared with its peers on this machine, as ratios measured in one run.

Absolute figures of a shared machine mean little. The two sides of a ratio are measured alternately,
and the median of the rounds counts. Writes `bench/results.json` and prints a table.
docs/performance.md explains each row.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # So that `bench.*` can be imported when this file is run.

from bench import history, intake, lists, payment, reading, start, subscriptions  # noqa: E402
from bench.figures import Result, table  # noqa: E402
from bench.load import LoadError  # noqa: E402
from bench.site import HOST, Site, SiteError, site  # noqa: E402

RESULTS: Final = ROOT / "bench" / "results.json"
ROWS: Final[Mapping[str, Callable[[Site], list[Result]]]] = {
    "payment": payment.latency,
    "payment-load": payment.throughput,
    "start": start.start,
    "memory": payment.memory,
    "intake": intake.over_bare,
    "intake-peer": intake.over_sample,
    "reading": reading.reading,
    "history": history.history,
    "lists": lists.lists,
    "renewals": subscriptions.renewals,
    "renewals-look": subscriptions.searches,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the rows that are named, or all of them."""
    options = _arguments(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    # No call goes through a proxy, because every program runs on this machine.
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = HOST
    results: list[Result] = []
    faults: list[str] = []
    try:
        with site(quick=options.quick) as environment:
            for name in options.only or ROWS:
                try:
                    results += _run_row(name, environment)
                except (SiteError, LoadError) as error:
                    faults.append(f"bench: {name}: {error}")
                    print(faults[-1], file=sys.stderr)
    except KeyboardInterrupt:
        print("\nbench: interrupted; everything is stopped and removed", file=sys.stderr)
        sys.exit(130)
    _write(results, quick=options.quick)
    print(f"\n{table(results)}")
    sys.exit(1 if faults else 0)


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__.split("\n")[0])
    rows = ", ".join(ROWS)
    parser.add_argument("--only", action="append", choices=ROWS, metavar="ROW", help=rows)
    parser.add_argument("--quick", action="store_true", help="fewer, smaller rounds: does it run?")
    return parser.parse_args(arguments)


def _run_row(name: str, environment: Site) -> list[Result]:
    """Run a row; print its name and how long it took."""
    began = time.monotonic()
    print(f"{name} ...", end=" ", file=sys.stderr, flush=True)
    results = ROWS[name](environment)
    print(f"{time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return results


def _write(results: Sequence[Result], *, quick: bool) -> None:
    document = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": quick,
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "results": [result.json() for result in results],
    }
    RESULTS.write_text(json.dumps(document, indent=2) + "\n")


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt  # A signal stops the run as Ctrl-C does.


if __name__ == "__main__":
    main()
