"""The commands `kasir desk ...`; each imports its module when it runs."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from cyclopts import App, Parameter
from cyclopts.validators import Number

desk = App(name="desk", help="The desk: pages for the people who run Kasir.")
user = App(name="user", help="The people who may sign in to the desk.")
desk.command(user)

RoleName = Literal["view", "act", "admin"]
#: The code of a merchant account; None for the environment's.
AccountName = Annotated[str | None, Parameter(name="--account")]
FromStdin = Annotated[bool, Parameter(name="--from-stdin", negative="")]
Count = Annotated[int, Parameter(validator=Number(gte=1, lte=2**63 - 1))]
AsJson = Annotated[bool, Parameter(name="--json", negative="")]


@desk.command(name="audit")
def list_acts(
    *,
    people: Annotated[bool, Parameter(negative="")] = False,
    most: Count = 100,
    account: AccountName = None,
    as_json: AsJson = False,
) -> None:
    """List what people did on the desk: who, when, on what, with what outcome and why.

    Parameters
    ----------
    people
        List sign-ins and acts on people instead.
    most
        How many at most, newest first.
    account
        The merchant account; by default that of the environment.
    as_json
        Print JSON, which also has what was before and after each act.
    """
    from kasir.cli.desk import list_acts as run

    asyncio.run(run(most, account, on_people=people, as_json=as_json))


@user.command(name="add")
def add_user(
    name: str, *, role: RoleName, account: AccountName = None, from_stdin: FromStdin = False
) -> None:
    """Add a person, or give one another role. A new person's password is printed once.

    Parameters
    ----------
    name
        The person's name.
    role
        What the person may do in the account: view, act or admin.
    account
        The merchant account; by default that of the environment.
    from_stdin
        Read a new person's password from standard input and print none.
    """
    from kasir.cli.desk import add_user as run

    asyncio.run(run(name, role, account, is_from_stdin=from_stdin))


@user.command(name="list")
def list_users(*, as_json: AsJson = False) -> None:
    """List the people, and the role that each has in each account.

    Parameters
    ----------
    as_json
        Print JSON instead of a table.
    """
    from kasir.cli.desk import list_users as run

    asyncio.run(run(as_json=as_json))


@user.command(name="disable")
def disable_user(name: str) -> None:
    """Sign a person out everywhere, and refuse their sign-in.

    Parameters
    ----------
    name
        The person's name.
    """
    from kasir.cli.desk import change_user as run

    asyncio.run(run(name, is_active=False))


@user.command(name="enable")
def enable_user(name: str) -> None:
    """Let a person sign in again, after `kasir desk user disable`.

    Parameters
    ----------
    name
        The person's name.
    """
    from kasir.cli.desk import change_user as run

    asyncio.run(run(name, is_active=True))


@user.command(name="remove")
def remove_role(name: str, *, account: AccountName = None) -> None:
    """Take away a person's role in an account.

    Parameters
    ----------
    name
        The person's name.
    account
        The merchant account; by default that of the environment.
    """
    from kasir.cli.desk import remove_role as run

    asyncio.run(run(name, account))


@user.command(name="password")
def set_password(
    name: str,
    *,
    from_stdin: FromStdin = False,
    without_second_factor: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Give a person another password, and sign them out everywhere. It is printed once.

    Parameters
    ----------
    name
        The person's name.
    from_stdin
        Read the password from standard input and print none.
    without_second_factor
        Remove the person's second factor too, for example after a lost phone.
    """
    from kasir.cli.desk import set_password as run

    asyncio.run(run(name, is_from_stdin=from_stdin, keeps_second_factor=not without_second_factor))
