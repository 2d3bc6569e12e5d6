"""The command `kasir setup`; it imports its module when it runs."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Annotated

from cyclopts import Parameter

_Flag = Parameter(negative="")


def setup(
    *,
    account: Annotated[str | None, Parameter(name="--account")] = None,
    yes: Annotated[bool, _Flag] = False,
    dry_run: Annotated[bool, _Flag] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Set up at Adyen what a program can set up there, and list what a person must do.

    It creates or corrects Kasir's standard webhook and its HMAC key, and leaves other systems'
    webhooks as they are. It shows what it will do and asks before it does it.

    Parameters
    ----------
    account
        The merchant account; by default that of the environment.
    yes
        Do it without asking.
    dry_run
        Only show what would be done, also with --yes.
    as_json
        Print JSON instead of a table; it does nothing without --yes.
    """
    from kasir.cli.setup import setup as run

    asked = run(os.environ, account, is_agreed=yes, is_shown_only=dry_run, as_json=as_json)
    sys.exit(asyncio.run(asked))
