"""The commands `kasir account ...`; each imports its module when it runs."""

from __future__ import annotations

import asyncio
from typing import Annotated

from cyclopts import App, Parameter

account = App(name="account", help="Merchant accounts in the database, beside the environment's.")

FromStdin = Annotated[bool, Parameter(name="--from-stdin", negative="")]
AsJson = Annotated[bool, Parameter(name="--json", negative="")]


@account.command(name="add")
def add_account(name: str, *variables: str, from_stdin: FromStdin = False) -> None:
    """Add a merchant account. Its settings are never given on the command line.

    Parameters
    ----------
    name
        The merchant account's code at Adyen.
    variables
        Names of environment variables whose values are its settings, such as ADYEN_API_KEY.
    from_stdin
        Read further settings from standard input, as lines NAME=VALUE.
    """
    from kasir.cli.accounts import add_account as run

    asyncio.run(run(name, variables, is_from_stdin=from_stdin))


@account.command(name="change")
def change_account(
    name: str,
    *variables: str,
    from_stdin: FromStdin = False,
    unset: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    enable: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Change settings of a merchant account; those that are not named stay as they are.

    Parameters
    ----------
    name
        The merchant account's code at Adyen.
    variables
        Names of environment variables whose values are the new settings.
    from_stdin
        Read further settings from standard input, as lines NAME=VALUE.
    unset
        The name of a setting to remove; may be repeated.
    enable
        Serve the account again, after `kasir account disable`.
    """
    from kasir.cli.accounts import change_account as run

    enabled = True if enable else None
    asyncio.run(run(name, variables, is_from_stdin=from_stdin, unset=unset, is_enabled=enabled))


@account.command(name="disable")
def disable_account(name: str) -> None:
    """Stop serving a merchant account within seconds. Its notifications are still kept.

    Parameters
    ----------
    name
        The merchant account's code at Adyen.
    """
    from kasir.cli.accounts import disable_account as run

    asyncio.run(run(name))


@account.command(name="list")
def list_accounts(*, as_json: AsJson = False) -> None:
    """List the merchant accounts, and which settings each has; never their values.

    Parameters
    ----------
    as_json
        Print JSON instead of a table.
    """
    from kasir.cli.accounts import list_accounts as run

    asyncio.run(run(as_json=as_json))
