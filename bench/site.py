"""The environment of the benchmarks: a separate PostgreSQL, and the programs on free ports.

This module stops every process that it starts, in all cases. All files are in one temporary folder
that is removed at the end. PostgreSQL is Kasir's embedded server, with its durable settings.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import asyncpg
import trustme

from kasir.embedded.server import embedded

ROOT: Final = Path(__file__).parents[1]
HOST: Final = "127.0.0.1"
API_KEY: Final = "bench-api-key"
TWIN_KEY: Final = "twin-api-key"
MERCHANT: Final = "TwinMerchant"
HMAC_KEY: Final = "0123456789ABCDEF" * 4

#: Ports outside the range of ephemeral ports.
_PORTS: Final = range(20_000, 30_000)
_READY_S: Final = 60.0
_STOP_S: Final = 15.0
_POLL_S: Final = 0.02
#: How many lines of a program's log are shown if it does not start.
_LOG_LINES: Final = 20


class SiteError(Exception):
    """A benchmark could not be run or its result is wrong; the message has the reason."""


@dataclass(frozen=True, slots=True)
class Server:
    """A program that answers HTTP."""

    url: str
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The running environment.

    Attributes:
        quick: Whether rounds are fewer and smaller, only to check that everything works.
        folder: The folder of all files.
        dsn: The DSN of the PostgreSQL server.
    """

    quick: bool
    folder: Path
    dsn: str

    def size(self, full: int, quick: int) -> int:
        """The usual size, or the one for a quick run."""
        return quick if self.quick else full

    @property
    def ca_file(self) -> Path:
        """The certificate of the authority that signed the twin's certificate."""
        return self.folder / "ca.pem"

    def tls(self) -> ssl.SSLContext:
        """Return the TLS context of a client that trusts the twin."""
        return ssl.create_default_context(cafile=self.ca_file)

    @contextmanager
    def database(self) -> Iterator[str]:
        """A new, empty database, dropped afterwards; yields its DSN."""
        name = f"bench_{secrets.token_hex(4)}"
        asyncio.run(_execute(self.dsn, f"CREATE DATABASE {name}"))
        try:
            yield urlsplit(self.dsn)._replace(path=f"/{name}").geturl()
        finally:
            asyncio.run(_execute(self.dsn, f"DROP DATABASE {name} WITH (FORCE)"))

    @contextmanager
    def twin(self) -> Iterator[Server]:
        """Adyen's twin, over TLS."""
        port = free_port()
        command = [_beside_python("adyen-twin"), "serve", "--port", str(port)]
        command += ["--tls-cert", str(self.folder / "twin.pem"), "--tls-key"]
        command += [str(self.folder / "twin.key")]
        url = f"https://{HOST}:{port}"
        with self.program("twin", command, {}) as process:
            self._wait(process, "twin", lambda: _answers(f"{url}/twin/health", self.tls()))
            yield Server(url, process.pid)

    @contextmanager
    def kasir(self, dsn: str, twin_url: str = "") -> Iterator[Server]:
        """`kasir serve` on a database, with the twin as its Adyen."""
        port = free_port()
        url = f"http://{HOST}:{port}"
        command = self.kasir_command("serve", "--port", str(port))
        with self.program("kasir", command, self.settings(dsn, twin_url)) as process:
            self._wait(process, "kasir", lambda: _answers(f"{url}/health/ready"))
            yield Server(url, process.pid)

    @contextmanager
    def served(
        self, name: str, command: Callable[[int], Sequence[str]], env: Mapping[str, str]
    ) -> Iterator[Server]:
        """Run a program that answers HTTP.

        Args:
            name: The name of the program, for its log.
            command: Makes the command line from the port to listen on.
            env: Variables that are added to the environment.
        """
        port = free_port()
        url = f"http://{HOST}:{port}"
        with self.program(name, command(port), env) as process:
            self._wait(process, name, lambda: _answers(url))
            yield Server(url, process.pid)

    @contextmanager
    def program(
        self, name: str, command: Sequence[str], env: Mapping[str, str]
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Run a program and stop it at the end; its output goes to a log file."""
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                command,
                env={**_environment(), **env},
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C reaches only us; `_stop` stops the program.
            )
            try:
                yield process
            finally:
                _stop(process)

    def kasir_command(self, *arguments: str) -> list[str]:
        """The command line of a `kasir` command."""
        return [_beside_python("kasir"), *arguments]

    def environment(self, dsn: str) -> dict[str, str]:
        """The whole environment of a Kasir's program on a database."""
        return {**_environment(), **self.settings(dsn)}

    def settings(self, dsn: str, twin_url: str = "") -> dict[str, str]:
        """The environment of Kasir's programs."""
        return {
            "ADYEN_ENVIRONMENT": "twin",
            # Without a twin, a port on which no program listens; Kasir does not call it.
            "ADYEN_TWIN_URL": twin_url or f"http://{HOST}:9",
            "ADYEN_API_KEY": TWIN_KEY,
            "ADYEN_MERCHANT_ACCOUNT": MERCHANT,
            "ADYEN_HMAC_KEY": HMAC_KEY,
            "KASIR_API_KEY": API_KEY,
            "KASIR_DATABASE_URL": dsn,
            "SSL_CERT_FILE": str(self.ca_file),
        }

    def _wait(
        self, process: subprocess.Popen[bytes], name: str, is_ready: Callable[[], bool]
    ) -> None:
        deadline = time.monotonic() + _READY_S
        while time.monotonic() < deadline and process.poll() is None:
            if is_ready():
                return
            time.sleep(_POLL_S)
        log = self.folder / f"{name}.log"
        output = log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
        raise SiteError(f"the {name} did not start: {' | '.join(output) or 'it printed nothing'}")


@contextmanager
def site(*, quick: bool) -> Iterator[Site]:
    """Run the environment while the context lasts."""
    folder = Path(tempfile.mkdtemp(prefix="kasir-bench-"))
    try:
        folder.chmod(0o755)  # If root runs this, PostgreSQL opens the folder as another user.
        _certify(folder)
        with embedded(folder / "database") as dsn:
            yield Site(quick=quick, folder=folder, dsn=dsn)
    finally:
        shutil.rmtree(folder)


def free_port() -> int:
    """Return a port that is not in use, outside the range of ephemeral ports."""
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
        return port


def _certify(folder: Path) -> None:
    """Make a certificate authority, and the twin's certificate and key."""
    authority = trustme.CA()
    certificate = authority.issue_cert(HOST)
    authority.cert_pem.write_to_path(folder / "ca.pem")
    certificate.cert_chain_pems[0].write_to_path(folder / "twin.pem")
    certificate.private_key_pem.write_to_path(folder / "twin.key")


def _environment() -> dict[str, str]:
    """This process's environment, without variables that configure Kasir's programs."""
    return {
        name: text
        for name, text in os.environ.items()
        if not name.startswith(("ADYEN_", "KASIR_", "SSL_CERT_"))
    }


def _beside_python(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # Its session includes its children.
        process.wait()


def _answers(url: str, tls: ssl.SSLContext | None = None) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2, context=tls) as response:
            response.read()
    except urllib.error.HTTPError as error:
        return error.code < 500  # noqa: PLR2004  # A 404 is an answer too.
    except OSError:
        return False
    return True


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
