"""Starts the programs of the demo, waits until they answer, and stops all of them.

The programs run as in production: each is a process, configured by the environment. Each has a
session of its own, so that Ctrl-C reaches only this process, which stops them in order.
"""

from __future__ import annotations

import os
import shlex
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from kasir.config import settings_from
from kasir.demo.alone import DemoError, alone, keep_keys, keys_of, refuse_taken
from kasir.demo.authority import Authority, authority_in
from kasir.guessable import DEMO_KEY, TWIN_KEY, TWIN_MERCHANT
from kasir.limits import Limits
from kasir.wiring import database_of

_READY_S: Final = 60.0
#: A program may take `stop_s` to finish its requests and jobs, and then needs a moment to log this.
_STOP_S: Final = Limits().stop_s + 10
_POLL_S: Final = 0.05
_OUTPUT_MAX: Final = 300
_HOST: Final = "127.0.0.1"
#: A further merchant account of the twin, which a journey adds to Kasir's database.
SECOND_ACCOUNT: Final = "TwinSecondMerchant"
_SETTINGS_FILE: Final = "shop.env"
#: The twin's own, which is no secret.
_REPORT_USER: Final = {
    "KASIR_REPORT_USER": "report@Company.Twin",
    "KASIR_REPORT_PASSWORD": "report-password",
}
#: The twin prints this once it has bound its port.
_TWIN_STARTED: Final = "adyen-twin is at "
#: Logs contain payment references and the folder contains the database: only the owner may read.
_PRIVATE_FILE: Final = 0o600
_PRIVATE_FOLDER: Final = 0o700


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningDemo:
    """The URLs and keys of a running demo.

    `environment` holds the settings with which Kasir's own programs were started.
    """

    kasir_url: str
    twin_url: str
    shop_url: str
    environment: Mapping[str, str] = field(repr=False)
    logs: Path
    #: The authority of the certificate of Kasir and the twin; None if they serve http.
    authority: Authority | None = None

    @property
    def settings_file(self) -> Path:
        """The file with the address and the keys of this demo, for the programs of a shop."""
        return self.logs.parent / _SETTINGS_FILE

    @property
    def api_key(self) -> str:
        """The key that shops call Kasir with."""
        return self.environment["KASIR_API_KEY"]

    @property
    def tls(self) -> ssl.SSLContext | None:
        """What a client of the demo trusts: the demo's authority; None if it serves http."""
        return self.authority.context() if self.authority else None


@contextmanager
def running_demo(
    *,
    port: int,
    twin_port: int,
    shop_port: int,
    data: Path | None = None,
    https: bool = False,
    given: Mapping[str, str] | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[RunningDemo]:
    """Run all programs for as long as the context lasts.

    Args:
        port: Kasir's port.
        twin_port: The twin's port.
        shop_port: The demo shop's port.
        data: Folder to keep the database and the twin's state in; unless given, a temporary one
            that is removed at the end.
        https: Serve Kasir and the twin over HTTPS, by a certificate of the folder's own authority.
        given: Settings that override the demo's; None for the environment variables.
        pause: Sleeps a number of seconds. It may raise, to end the start between two steps.

    Raises:
        DemoError: A program did not start, a port is taken, or a demo runs in this folder.
        SettingError: A setting of the environment is malformed.
    """
    with ExitStack() as stack:
        folder = data.absolute() if data else Path(stack.enter_context(_temporary()))
        folder.mkdir(_PRIVATE_FOLDER, parents=True, exist_ok=True)
        stack.enter_context(alone(folder))
        for number, option in ((port, "--port"), (twin_port, "--twin-port"), (shop_port, "--port")):
            refuse_taken(number, option)
        chosen = os.environ if given is None else given
        keys = keys_of(folder)
        scheme = "https" if https else "http"
        kasir_url, twin_url = (f"{scheme}://{_HOST}:{number}" for number in (port, twin_port))
        env = keys | _environment(chosen, kasir_url, twin_url, shop_port, folder)
        # The database starts before every program and stops after all of them.
        dsn = stack.enter_context(database_of(settings_from(env), pause))
        env["KASIR_DATABASE_URL"] = dsn
        keep_keys(folder, keys)
        logs = folder / "logs"
        logs.mkdir(_PRIVATE_FOLDER, parents=True, exist_ok=True)
        logs.chmod(_PRIVATE_FOLDER)
        # Not before the database: it requires that a new folder has no other files.
        authority = authority_in(folder, datetime.now(UTC)) if https else None
        demo = RunningDemo(
            kasir_url=kasir_url,
            twin_url=twin_url,
            shop_url=f"http://{_HOST}:{shop_port}",
            environment=env | (authority.environment if authority else {}),
            logs=logs,
            authority=authority,
        )
        _write_settings(demo)
        pause(0)  # A signal that arrived during the steps above ends the start here.
        state_folder = folder if data else None
        tls = _tls_options(authority)
        twin = _start(stack, demo, "twin", _twin(env, twin_port, state_folder) + tls, pause)
        _wait(twin, f"{demo.twin_url}/twin/health", demo.tls, pause)
        _configure_twin(demo)
        server = _start(stack, demo, "server", _kasir("serve", "--port", str(port), *tls), pause)
        _start(stack, demo, "worker", _kasir("worker"), pause)
        shop = _module("kasir.demo.shop", str(shop_port), demo.kasir_url)
        shop_program = _start(stack, demo, "shop", shop, pause)
        _wait(server, f"{demo.kasir_url}/health/ready", demo.tls, pause)
        _wait(shop_program, f"{demo.shop_url}/health", None, pause)
        yield demo


def _environment(
    environ: Mapping[str, str], kasir_url: str, twin_url: str, shop_port: int, folder: Path
) -> dict[str, str]:
    """Return the demo's settings. `environ` overrides those before `**given`, not those after."""
    given = {name: text for name, text in environ.items() if text}
    return {
        "ADYEN_API_KEY": TWIN_KEY,
        "ADYEN_MERCHANT_ACCOUNT": TWIN_MERCHANT,
        "KASIR_API_KEY": DEMO_KEY,
        "KASIR_PUBLIC_URL": kasir_url,
        "KASIR_DATA_DIR": str(folder),
        # The shop's own handler of Adyen's notifications: `shop_handler`.
        "KASIR_RELAY_URL": f"http://{_HOST}:{shop_port}/adyen",
        **_REPORT_USER,
        **given,
        "ADYEN_ENVIRONMENT": "twin",
        "ADYEN_TWIN_URL": twin_url,
        "KASIR_FOLLOW_TWIN_CLOCK": "1",
        # The embedded database is always in the demo's folder.
        **({"KASIR_DATA_DIR": str(folder)} if "KASIR_DATABASE_URL" not in given else {}),
    }


def _write_settings(demo: RunningDemo) -> None:
    """Write the settings that a shell, a shop's program or Kasir as a library can read."""
    ours = {
        name: text
        for name, text in demo.environment.items()
        if name.startswith(("ADYEN_", "KASIR_"))
    }
    lines = [
        f"{name}={shlex.quote(text)}\n"
        for name, text in sorted((ours | {"KASIR_URL": demo.kasir_url}).items())
    ]
    demo.settings_file.touch(_PRIVATE_FILE)
    demo.settings_file.chmod(_PRIVATE_FILE)
    demo.settings_file.write_text("".join(lines), "utf-8")


@contextmanager
def _temporary() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="kasir-demo-") as folder:
        yield folder


def _twin(env: Mapping[str, str], port: int, folder: Path | None) -> list[str]:
    """Return the twin's command. With a folder, the twin keeps its state there."""
    program = Path(sys.executable).with_name("adyen-twin")
    account = [
        *("--merchant-account", env["ADYEN_MERCHANT_ACCOUNT"]),
        *("--more-merchant-accounts", SECOND_ACCOUNT),
    ]
    state = ["--state", str(folder / "twin.json")] if folder else []
    return [str(program), "serve", "--host", _HOST, "--port", str(port), *account, *state]


def _tls_options(authority: Authority | None) -> list[str]:
    """Return the options of Kasir and the twin for HTTPS; none without an authority."""
    if authority is None:
        return []
    return ["--tls-cert", str(authority.server), "--tls-key", str(authority.server_key)]


def _kasir(*arguments: str) -> list[str]:
    return [str(Path(sys.executable).with_name("kasir")), *arguments]


def _module(name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", name, *arguments]


@dataclass(frozen=True, slots=True)
class _Program:
    """A program that was started; its output begins at the offset `log_before` of its log."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    log_before: int

    def output(self) -> list[str]:
        """Return the lines that the program has printed."""
        with self.log.open("rb") as log:
            log.seek(self.log_before)
            return log.read().decode(errors="replace").strip().splitlines()

    def listens(self) -> bool:
        """Whether this program, and no other, listens on its port; checked only for the twin."""
        return self.name != "twin" or any(_TWIN_STARTED in line for line in self.output())


def _start(
    stack: ExitStack,
    demo: RunningDemo,
    name: str,
    command: Sequence[str],
    pause: Callable[[float], None],
) -> _Program:
    path = demo.logs / f"{name}.log"
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    log = stack.enter_context(os.fdopen(os.open(path, flags, _PRIVATE_FILE), "ab"))
    path.chmod(_PRIVATE_FILE)  # Older versions of the demo let every user read the log.
    log_before = path.stat().st_size
    # Keys are passed by the environment, because every user can read a command line.
    process = subprocess.Popen(
        command,
        env={**demo.environment, "ADYEN_TWIN_API_KEY": demo.environment["ADYEN_API_KEY"]},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    stack.callback(_stop, process, pause)
    return _Program(name=name, process=process, log=path, log_before=log_before)


def _stop(process: subprocess.Popen[bytes], pause: Callable[[float], None]) -> None:
    """Stop a program. If the user interrupts again, a second signal stops the program at once."""
    process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + _STOP_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            pause(_POLL_S)
        except KeyboardInterrupt:
            process.send_signal(signal.SIGTERM)
    process.kill()
    process.wait()


def _wait(
    program: _Program, url: str, tls: ssl.SSLContext | None, pause: Callable[[float], None]
) -> None:
    """Wait until a program answers.

    Raises:
        DemoError: The program did not answer; the message has the last line of its output.
    """
    deadline = time.monotonic() + _READY_S
    while time.monotonic() < deadline and program.process.poll() is None:
        if program.listens() and _answers(url, tls):
            return
        pause(_POLL_S)
    last = (program.output() or ["it printed nothing"])[-1]
    raise DemoError(f"the {program.name} did not start: {last[:_OUTPUT_MAX]}")


def _answers(url: str, tls: ssl.SSLContext | None) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2, context=tls) as response:  # noqa: S310  # The address of our own program.
            response.read()
    except OSError:  # URLError is an OSError.
        return False
    return True


def _configure_twin(demo: RunningDemo) -> None:
    """Have the twin send its webhooks to Kasir, with the keys and password that Kasir expects."""
    _set_webhook(demo, "standard", "/webhooks/adyen", "ADYEN_HMAC_KEY")
    _set_webhook(demo, "tokens", "/webhooks/adyen/tokens", "ADYEN_TOKEN_HMAC_KEY")


def _set_webhook(demo: RunningDemo, name: str, path: str, key: str) -> None:
    env = demo.environment
    wanted = {"url": demo.kasir_url + path, "hmacKey": env[key].split(",")[0].strip()}
    if env.get("KASIR_WEBHOOK_USER"):
        wanted["username"] = env["KASIR_WEBHOOK_USER"]
        wanted["password"] = env["KASIR_WEBHOOK_PASSWORD"]
    request = urllib.request.Request(  # noqa: S310  # The twin that we started.
        f"{demo.twin_url}/twin/webhooks/{name}",
        data=msgspec.json.encode(wanted),
        headers={"Content-Type": "application/json"},
        method="PUT",
    )
    try:
        with urllib.request.urlopen(request, timeout=_READY_S, context=demo.tls) as response:  # noqa: S310  # The same.
            response.read()
    except OSError as error:  # URLError is an OSError.
        raise DemoError(f"the twin's webhooks could not be configured: {error}") from error


def free_port() -> int:
    """Return a free port that no other program gets by chance within the next minute.

    The closed connection of the listener stays in TIME_WAIT. During that time a program gets the
    port only if it names the port and sets SO_REUSEADDR, as every server here does.
    """
    with socket.create_server((_HOST, 0)) as listener:
        number: int = listener.getsockname()[1]
        with socket.create_connection((_HOST, number)):
            listener.accept()[0].close()
    return number
