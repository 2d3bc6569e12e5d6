"""Kasir's programs and the twin as processes that a test can kill and restart at any time.

A test calls them over HTTP through `Programs.journey_client`, as a shop and a shopper do.
"""

from __future__ import annotations

import asyncio
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, TypeVar

import aiohttp

from command import environment
from kasir.demo.client import JourneyClient
from kasir.demo.processes import RunningDemo, free_port

T = TypeVar("T")

SERVER: Final = "server"
TWIN: Final = "twin"
#: The time limit of each step: more than twice what the slowest step needs.
PATIENCE_S: Final = 90.0
POLL_S: Final = 0.05


class Programs:
    """The system as processes with the names `twin`, `server`, `worker-0` and `worker-1`."""

    def __init__(
        self,
        system: RunningDemo,
        journey_client: JourneyClient,
        commands: Mapping[str, Sequence[str]],
    ) -> None:
        self.system = system
        self.journey_client = journey_client
        self._commands = commands
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        """Start a program; its output is written to its log file."""
        with (self.system.logs / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                self._commands[name],
                env=dict(self.system.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self, name: str) -> None:
        """Kill a program with SIGKILL, so that it cannot clean up."""
        process = self._running.pop(name)
        assert process.poll() is None, f"the {name} had already ended: {self.end_of_log(name)}"
        process.kill()
        process.wait()

    async def end(self, name: str) -> int:
        """Send SIGTERM to a program, and wait until it ends; returns its exit code."""
        process = self._running.pop(name)
        process.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(process.wait, PATIENCE_S)

    def stop(self) -> None:
        """Send SIGTERM to every running program; kill those that do not end."""
        for process in self._running.values():
            process.send_signal(signal.SIGTERM)
        for process in self._running.values():
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._running.clear()

    async def ready(self) -> None:
        """Wait until Kasir reports that it is ready."""
        await until(self._is_ready, bool, lambda _: f"not ready: {self.end_of_log(SERVER)}")

    async def _is_ready(self) -> bool:
        try:
            return (await self.journey_client.call("GET", "/health/ready")).status == 200
        except (aiohttp.ClientError, OSError):
            return False

    def end_of_log(self, name: str) -> str:
        """The last lines of a program's log."""
        lines = (self.system.logs / f"{name}.log").read_text(errors="replace").splitlines()
        return "\n".join(lines[-20:]) or "the log is empty"


@asynccontextmanager
async def programs(
    dsn: str, logs: Path, *, workers: int = 2, **settings: str
) -> AsyncIterator[Programs]:
    """Run a twin, a server and workers on a database while the context lasts."""
    port, twin_port = free_port(), free_port()
    kasir_url, twin_url = (f"http://127.0.0.1:{number}" for number in (port, twin_port))
    given = {
        "ADYEN_ENVIRONMENT": "twin",
        "ADYEN_TWIN_URL": twin_url,
        "ADYEN_HMAC_KEY": ",".join(secrets.token_hex(32) for _ in range(2)),
        "ADYEN_API_KEY": "twin-api-key",
        "ADYEN_MERCHANT_ACCOUNT": "TwinMerchant",
        "KASIR_API_KEY": "chaos-api-key",
        "KASIR_DATABASE_URL": dsn,
        "KASIR_FOLLOW_TWIN_CLOCK": "1",
        "KASIR_PUBLIC_URL": kasir_url,
        **settings,
    }
    system = RunningDemo(
        kasir_url=kasir_url,
        twin_url=twin_url,
        shop_url="",
        environment=environment(given),
        logs=logs,
    )
    names = [f"worker-{number}" for number in range(workers)]
    commands = {
        TWIN: [_program("adyen-twin"), "serve", "--port", str(twin_port)],
        SERVER: [_program("kasir"), "serve", "--port", str(port)],
        **{name: [_program("kasir"), "worker"] for name in names},
    }
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        journey_client = JourneyClient(system, http)
        running = Programs(system, journey_client, commands)
        try:
            running.start(TWIN)
            await _configure_webhooks(running)
            for name in (SERVER, *names):
                running.start(name)
            await running.ready()
            yield running
        finally:
            running.stop()


async def until(
    read: Callable[[], Awaitable[T]], is_good: Callable[[T], bool], describe: Callable[[T], str]
) -> T:
    """Read a value until `is_good` accepts it, and return it.

    Fails after `PATIENCE_S`; `describe` gives the text of the last value for the error message.
    """
    deadline = time.monotonic() + PATIENCE_S
    while True:
        value = await read()
        if is_good(value):
            return value
        assert time.monotonic() < deadline, f"timed out; the last result: {describe(value)}"
        await asyncio.sleep(POLL_S)


def _program(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


async def _configure_webhooks(running: Programs) -> None:
    """Configure the twin's notifications to Kasir, signed with either of Kasir's two keys."""
    key, previous = running.system.environment["ADYEN_HMAC_KEY"].split(",")
    body = {
        "url": f"{running.system.kasir_url}/webhooks/adyen",
        "hmacKey": key,
        "previousHmacKey": previous,
    }

    async def configure() -> bool:
        try:
            await running.journey_client.twin("PUT", "/twin/webhooks/standard", body)
        except (aiohttp.ClientError, OSError):
            return False
        return True

    await until(configure, bool, lambda _: f"no twin: {running.end_of_log(TWIN)}")
