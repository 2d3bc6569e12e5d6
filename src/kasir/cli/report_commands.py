"""`kasir reconcile`: the command that takes Adyen's reports as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def reconcile(
    *files: Path,
    account: Annotated[str | None, Parameter(name="--account")] = None,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Compare Adyen's reports with the payments in Kasir. The exit code is 1 if a case is open.

    Parameters
    ----------
    files
        Files "Settlement details" or "Payment accounting", as CSV, from Customer Area, Reports.
    account
        The merchant account; by default that of the environment.
    as_json
        Print JSON instead of a table.
    """
    from kasir.cli.reconcile import main as run

    run(files, account, as_json=as_json)
