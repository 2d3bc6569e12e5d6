"""`kasir`: every command in one place; each imports what it needs, so that --help is quick.

Exit 0 when all is well, 1 when a fault was found, 2 when called wrongly; a fault is one line on
stderr, never a traceback.
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

from kasir.errors import KasirError

app = App(name="kasir", help="Take GoPay through Adyen.", version_flags=["--version"])
apikey = App(name="apikey", help="Keys that shops call Kasir with.")
app.command(apikey)
notices = App(name="notices", help="What Adyen sent, and what became of it.")
app.command(notices)
jobs = App(name="jobs", help="What the worker could not do.")
app.command(jobs)
deliveries = App(name="deliveries", help="Events on their way to the shop.")
app.command(deliveries)

Port = Annotated[int, Parameter(validator=Number(gte=0, lte=65535))]
#: No id, and no count of rows, is larger than the database's own numbers.
Count = Annotated[int, Parameter(validator=Number(gte=1, lte=2**63 - 1))]
AsJson = Annotated[bool, Parameter(name="--json", negative="")]
NoticeWord = Literal["unread", "read", "ignored", "unheard_of", "foreign", "waiting", "held"]
DeliveryWord = Literal["waiting", "delivered", "given_up"]


@app.command
def serve(*, host: str = "127.0.0.1", port: Port = 8000, workers: Count = 1) -> None:
    """Answer shops, shoppers and Adyen over HTTP.

    Parameters
    ----------
    host
        Address to listen on.
    port
        Port to listen on.
    workers
        Processes that share the work.
    """
    from kasir.cli.serve import serve as run

    run(host, port, workers)


@app.command
def worker() -> None:
    """Do what runs later: read the inbox, look for what is due, clean up."""
    from kasir.cli.worker import run

    asyncio.run(run())


@app.command
def doctor(*, as_json: AsJson = False) -> None:
    """Look whether everything is ready to take money, and say what to mend.

    Parameters
    ----------
    as_json
        Print JSON instead of a table.
    """
    from kasir.cli.doctor import main as run

    run(os.environ, as_json=as_json)


@app.command
def migrate() -> None:
    """Bring the database's schema up to date."""
    from kasir.cli.operator import migrate as run

    asyncio.run(run())


@apikey.command(name="create")
def create_key(name: str) -> None:
    """Make a key for a shop and print it, this once.

    Every key is a way into one shop. All keys of a Kasir share everything: payments, saved wallets,
    subscriptions, events and idempotency keys. So a key can be changed without a repeated call
    paying twice; shops that are not to see each other's payments need a Kasir each.

    Parameters
    ----------
    name
        What you will know it by.
    """
    from kasir.cli.operator import create_key as run

    asyncio.run(run(name))


@apikey.command(name="withdraw")
def withdraw_key(name: str) -> None:
    """Let a key in no more, within seconds.

    Parameters
    ----------
    name
        What it was made under.
    """
    from kasir.cli.operator import withdraw_key as run

    asyncio.run(run(name))


@notices.default
def list_notices(
    *,
    state: NoticeWord = "held",
    most: Count = 100,
    as_json: AsJson = False,
) -> None:
    """List what Adyen sent and what became of it: by default what could not be read.

    Parameters
    ----------
    state
        Which notices: unread, read, ignored, unheard_of, foreign, waiting or held.
    most
        How many at most, newest first.
    as_json
        Print JSON instead of a table.
    """
    from kasir.cli.operator import list_notices as run

    asyncio.run(run(state, most, as_json=as_json))


@notices.command(name="replay")
def replay_notices(*ids: Count) -> None:
    """Have notices read anew by the worker. Those that were read stay as they are.

    Parameters
    ----------
    ids
        Which ones, by the ids that `kasir notices` shows; all held ones unless given.
    """
    from kasir.cli.operator import replay_notices as run

    asyncio.run(run(ids))


@jobs.command(name="failed")
def failed_jobs(
    *,
    most: Count = 100,
    as_json: AsJson = False,
) -> None:
    """List the jobs that failed, the last to fail first, and why.

    Parameters
    ----------
    most
        How many at most.
    as_json
        Print JSON instead of a table.
    """
    from kasir.cli.operator import list_failed_jobs as run

    asyncio.run(run(most, as_json=as_json))


@jobs.command(name="retry")
def retry_jobs(*ids: Count) -> None:
    """Have jobs that failed run again by the worker.

    Parameters
    ----------
    ids
        Which ones, by the ids that `kasir jobs failed` shows; all of them unless given.
    """
    from kasir.cli.operator import retry_jobs as run

    asyncio.run(run(ids))


@deliveries.default
def list_deliveries(
    *,
    state: DeliveryWord = "given_up",
    most: Count = 100,
    as_json: AsJson = False,
) -> None:
    """List what the shop is told and how that went: by default what is not sent any more.

    Parameters
    ----------
    state
        Which events: waiting, delivered or given_up.
    most
        How many at most, newest first.
    as_json
        Print JSON instead of a table.
    """
    from kasir.cli.deliveries import list_deliveries as run

    asyncio.run(run(state, most, as_json=as_json))


@deliveries.command(name="resend")
def resend_deliveries(*ids: str) -> None:
    """Have events sent again by the worker, delivered ones too.

    Parameters
    ----------
    ids
        Which ones, by the ids that `kasir deliveries` shows; unless given, those that were given up
        in the last seven days.
    """
    from kasir.cli.deliveries import resend_deliveries as run

    asyncio.run(run(ids))


@app.command
def demo(
    *,
    port: Port | None = None,
    twin_port: Port | None = None,
    data: Path | None = None,
    check: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Start everything on this machine: database, twin, Kasir, and a small shop.

    Parameters
    ----------
    port
        Kasir's port, 8000 unless given; the shop takes the next one.
    twin_port
        The twin's port, 8700 unless given.
    data
        Folder to keep the database and the twin's state in; a temporary one unless given.
    check
        Walk every journey over HTTP, print a row each, and stop.
    """
    from kasir.demo.run import run

    sys.exit(run(port=port, twin_port=twin_port, data=data, check=check))


def main() -> None:
    """Run the command that the shell named."""
    try:
        _refuse_what_is_no_text(sys.argv[1:])
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
        # Whoever read this has read enough, as `head` does; nothing is left to be written at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:  # noqa: BLE001  # Sorted out below.
        print(f"kasir: {_trouble(error)}", file=sys.stderr)
        sys.exit(1)


def _refuse_what_is_no_text(words: Sequence[str]) -> None:
    """Refuse words that no database takes.

    Raises:
        CycloptsError: One is not UTF-8.
    """
    for word in words:
        if not word.isascii() and word.encode(errors="replace").decode() != word:
            raise CycloptsError(msg=f"{word.encode(errors='replace').decode()!r} is not UTF-8.")


def _trouble(error: Exception) -> Exception:
    """The fault to tell of, where the database failed under a command.

    Raises:
        Exception: It was something else, and so a fault of Kasir's: the traceback is wanted.
    """
    from kasir.store import database

    if not isinstance(error, database.TROUBLE):
        raise error
    if isinstance(error, OSError) and error.filename is not None:
        return error  # A file, and not the database.
    return database.unusable(error)
