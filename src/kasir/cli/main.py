"""The command `kasir` with its subcommands; each imports its module when it runs.

The exit code is 0 on success, 1 on an error and 2 on wrong arguments. An error is one line on
stderr, without a traceback.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, CycloptsError, Parameter
from cyclopts.validators import Number

from kasir.cli.account_commands import account
from kasir.cli.desk_commands import desk
from kasir.cli.report_commands import reconcile
from kasir.cli.setup_commands import setup
from kasir.cli.version import version
from kasir.errors import KasirError

app = App(
    name="kasir",
    help="Take GoPay through Adyen.",
    version=version,
    version_flags=["--version"],
)
apikey = App(name="apikey", help="Keys that shops call Kasir with.")
app.command(apikey)
app.command(account)
app.command(reconcile)
app.command(desk)
app.command(setup)
notices = App(name="notices", help="Notifications from Adyen, and what was done with each.")
app.command(notices)
jobs = App(name="jobs", help="Jobs of the worker that failed.")
app.command(jobs)
deliveries = App(name="deliveries", help="Events, and their delivery to the shop.")
app.command(deliveries)

relay = App(name="relay", help="Notifications that wait for the shop's own Adyen handler.")
app.command(relay)

Port = Annotated[int, Parameter(validator=Number(gte=0, lte=65535))]
#: An id or a number of rows: no larger than the database's bigint.
Count = Annotated[int, Parameter(validator=Number(gte=1, lte=2**63 - 1))]
#: The code of a merchant account; None for the environment's.
AccountName = Annotated[str | None, Parameter(name="--account")]
AsJson = Annotated[bool, Parameter(name="--json", negative="")]
NoticeStateName = Literal["unread", "read", "ignored", "unheard_of", "foreign", "waiting", "held"]
DeliveryStateName = Literal["waiting", "delivered", "given_up"]


@app.command
def serve(
    *,
    host: str = "127.0.0.1",
    port: Port = 8000,
    workers: Count = 1,
    tls_cert: Path | None = None,
    tls_key: Path | None = None,
) -> None:
    """Serve shops, shoppers and Adyen over HTTP, or over HTTPS with a certificate.

    Parameters
    ----------
    host
        Address to listen on.
    port
        Port to listen on.
    workers
        Number of processes.
    tls_cert
        PEM file of the certificate and its chain.
    tls_key
        PEM file of the certificate's private key, without a password.
    """
    from kasir.cli.serve import serve as run

    run(host, port, workers, tls_cert, tls_key)


@app.command
def worker(*, metrics_host: str = "127.0.0.1", metrics_port: Port | None = None) -> None:
    """Run background work: read notifications, do what is due, clean up.

    Parameters
    ----------
    metrics_host
        Address to serve the worker's metrics on.
    metrics_port
        Port to serve the worker's metrics on; without it they are not served.
    """
    from kasir.cli.worker import run

    asyncio.run(run(metrics_host, metrics_port))


@app.command
def doctor(*, as_json: AsJson = False) -> None:
    """Check whether everything is ready to take money, and print what to fix.

    Parameters
    ----------
    as_json
        Print JSON instead of a table.
    """
    from kasir.cli.doctor import main as run

    run(os.environ, as_json=as_json)


@app.command
def migrate() -> None:
    """Update the database's schema."""
    from kasir.cli.operator import migrate as run

    asyncio.run(run())


@apikey.command(name="create")
def create_key(name: str, *, account: AccountName = None) -> None:
    """Create an API key and print it. It cannot be shown again.

    All keys of one merchant account belong to one shop: they share payments, saved wallets,
    subscriptions, events and idempotency keys. So a key can be changed, and a repeated call still
    pays once. Shops that must not see each other's payments need an account each.

    Parameters
    ----------
    name
        A name for the key.
    account
        The merchant account; by default that of the environment.
    """
    from kasir.cli.operator import create_key as run

    asyncio.run(run(name, account))


@apikey.command(name="list")
def list_keys(*, account: AccountName = None, as_json: AsJson = False) -> None:
    """List the names of the keys of an account.

    Parameters
    ----------
    account
        The merchant account; by default that of the environment.
    as_json
        Print JSON instead of a table.
    """
    from kasir.cli.operator import list_keys as run

    asyncio.run(run(account, as_json=as_json))


@apikey.command(name="withdraw")
def withdraw_key(name: str, *, account: AccountName = None) -> None:
    """Withdraw a key; within seconds it is refused.

    Parameters
    ----------
    name
        The name it was created with.
    account
        The merchant account; by default that of the environment.
    """
    from kasir.cli.operator import withdraw_key as run

    asyncio.run(run(name, account))


@notices.default
def list_notices(
    *,
    state: NoticeStateName = "held",
    most: Count = 100,
    account: AccountName = None,
    as_json: AsJson = False,
) -> None:
    """List Adyen's notifications in a state; by default those that need a person.

    Parameters
    ----------
    state
        The state: unread, read, ignored, unheard_of, foreign, waiting or held.
    most
        How many at most, newest first.
    account
        The merchant account; by default that of the environment.
    as_json
        Print JSON instead of a table.
    """
    from kasir.cli.operator import list_notices as run

    asyncio.run(run(state, most, account, as_json=as_json))


@notices.command(name="replay")
def replay_notices(*ids: Count, account: AccountName = None) -> None:
    """Let the worker read notifications again. Those that were read are not changed.

    Parameters
    ----------
    ids
        The ids that `kasir notices` shows; without ids, all held ones.
    account
        The merchant account; by default that of the environment.
    """
    from kasir.cli.operator import replay_notices as run

    asyncio.run(run(ids, account))


@jobs.command(name="failed")
def failed_jobs(
    *,
    most: Count = 100,
    account: AccountName = None,
    as_json: AsJson = False,
) -> None:
    """List the jobs that failed, newest first, with the reason.

    Parameters
    ----------
    most
        How many at most.
    account
        The merchant account; by default that of the environment.
    as_json
        Print JSON instead of a table.
    """
    from kasir.cli.operator import list_failed_jobs as run

    asyncio.run(run(most, account, as_json=as_json))


@jobs.command(name="retry")
def retry_jobs(*ids: Count, account: AccountName = None) -> None:
    """Let the worker run failed jobs again.

    Parameters
    ----------
    ids
        The ids that `kasir jobs failed` shows; without ids, all of them.
    account
        The merchant account; by default that of the environment.
    """
    from kasir.cli.operator import retry_jobs as run

    asyncio.run(run(ids, account))


@deliveries.default
def list_deliveries(
    *,
    state: DeliveryStateName = "given_up",
    most: Count = 100,
    account: AccountName = None,
    as_json: AsJson = False,
) -> None:
    """List events with their deliveries; by default those that are no longer sent.

    Parameters
    ----------
    state
        The state: waiting, delivered or given_up.
    most
        How many at most, newest first.
    account
        The merchant account; by default that of the environment.
    as_json
        Print JSON instead of a table.
    """
    from kasir.cli.deliveries import list_deliveries as run

    asyncio.run(run(state, most, account, as_json=as_json))


@deliveries.command(name="resend")
def resend_deliveries(*ids: str, account: AccountName = None) -> None:
    """Let the worker send events again, delivered ones too.

    Parameters
    ----------
    ids
        The ids that `kasir deliveries` shows; without ids, those given up in the last seven days.
    account
        The merchant account; by default that of the environment.
    """
    from kasir.cli.deliveries import resend_deliveries as run

    asyncio.run(run(ids, account))


@relay.command(name="drop")
def drop_relayed(
    *ids: Count,
    all_waiting: Annotated[bool, Parameter(name="--all", negative="")] = False,
    account: AccountName = None,
) -> None:
    """Remove notifications from the relay's queue; the handler never gets them.

    Parameters
    ----------
    ids
        The ids that `kasir doctor` and the log show.
    all_waiting
        Remove everything that waits.
    account
        The merchant account; by default that of the environment.
    """
    from kasir.cli.operator import drop_relayed as run

    asyncio.run(run(ids, account, all_waiting=all_waiting))


@app.command
def demo(
    *,
    port: Port | None = None,
    twin_port: Port | None = None,
    data: Path | None = None,
    check: Annotated[bool, Parameter(negative="")] = False,
    https: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Start everything on this machine: database, twin, Kasir, and a small shop.

    Parameters
    ----------
    port
        Kasir's port, 8000 by default; the shop's port is the next one.
    twin_port
        The twin's port, 8700 by default.
    data
        Folder for the database and the twin's state; a temporary one by default.
    check
        Run every journey over HTTP, print a row for each, and stop.
    https
        Serve Kasir and the twin over HTTPS, and print how clients trust their certificate.
    """
    from kasir.demo.run import run

    sys.exit(run(port=port, twin_port=twin_port, data=data, check=check, https=https))


def main() -> None:
    """Run the command in `sys.argv`."""
    try:
        _refuse_non_utf8(sys.argv[1:])
        app(exit_on_error=False, print_error=False)
        sys.stdout.flush()
    except CycloptsError as error:
        print(f"kasir: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
    except KasirError as error:
        print(f"kasir: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader closed the pipe, as `head` does; nothing may be written to it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:  # noqa: BLE001  # `_database_error` raises all other errors again.
        print(f"kasir: {_database_error(error)}", file=sys.stderr)
        sys.exit(1)


def _refuse_non_utf8(arguments: Sequence[str]) -> None:
    """Refuse arguments that are not UTF-8, because PostgreSQL cannot store them.

    Raises:
        CycloptsError: An argument is not UTF-8.
    """
    for argument in arguments:
        shown = argument.encode(errors="replace").decode()
        if shown != argument:
            raise CycloptsError(msg=f"{shown!r} is not UTF-8.")


def _database_error(error: Exception) -> Exception:
    """Return the error to print if the database failed during a command.

    Raises:
        Exception: The given error, if the database did not cause it: it is a bug.
    """
    from kasir.store import database

    if not isinstance(error, database.DRIVER_ERRORS):
        raise error
    if isinstance(error, OSError) and error.filename is not None:
        return error  # The error is about a file and not the database.
    return database.unusable(error)
