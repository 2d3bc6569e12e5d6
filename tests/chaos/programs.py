"""Kasir's programs and the twin, each a process that a test may kill and start again at any moment.

A test finds them through `Programs.walker`: it calls them over HTTP, as a shop and a shopper do.
"""

from __future__ import annotations

import asyncio
import os
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

from kasir.demo.client import JourneyClient
from kasir.demo.processes import RunningDemo, free_port

T = TypeVar("T")

SERVER: Final = "server"
TWIN: Final = "twin"
#: Nothing here takes half as long; past it something hangs.
PATIENCE_S: Final = 90.0
LOOK_S: Final = 0.05


class Programs:
    """The system as processes. `twin`, `server`, `worker-0` and `worker-1` are their names."""

    def __init__(
        self, made: RunningDemo, walker: JourneyClient, words: Mapping[str, Sequence[str]]
    ) -> None:
        self.made = made
        self.walker = walker
        self._words = words
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        """Start a program; what it says goes into its log."""
        with (self.made.logs / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                self._words[name],
                env=dict(self.made.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self, name: str) -> None:
        """`kill -9`: it has no last words."""
        process = self._running.pop(name)
        assert process.poll() is None, f"the {name} had ended by itself: {self.last_words(name)}"
        process.kill()
        process.wait()

    async def end(self, name: str) -> int:
        """Tell a program to stop, and wait until it has; gives its exit code."""
        process = self._running.pop(name)
        process.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(process.wait, PATIENCE_S)

    def stop(self) -> None:
        """Stop every program that runs, and see that each ends by itself."""
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
        """Wait until Kasir says that it can work."""
        await until(self._is_ready, bool, lambda _: f"ready: {self.last_words(SERVER)}")

    async def _is_ready(self) -> bool:
        try:
            return (await self.walker.call("GET", "/health/ready")).status == 200
        except (aiohttp.ClientError, OSError):
            return False

    def last_words(self, name: str) -> str:
        """What a program said last."""
        said = (self.made.logs / f"{name}.log").read_text(errors="replace").splitlines()
        return "\n".join(said[-20:]) or "it said nothing"


@asynccontextmanager
async def programs(
    dsn: str, logs: Path, *, workers: int = 2, **settings: str
) -> AsyncIterator[Programs]:
    """Run a twin, a server and workers on a database for as long as the context lasts."""
    port, twin_port = free_port(), free_port()
    kasir_url, twin_url = (f"http://127.0.0.1:{number}" for number in (port, twin_port))
    given = {
        name: text for name, text in os.environ.items() if not name.startswith(("ADYEN_", "KASIR_"))
    }
    environment = {
        **given,
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
    made = RunningDemo(
        kasir_url=kasir_url, twin_url=twin_url, shop_url="", environment=environment, logs=logs
    )
    names = [f"worker-{number}" for number in range(workers)]
    words = {
        TWIN: [_program("adyen-twin"), "serve", "--port", str(twin_port)],
        SERVER: [_program("kasir"), "serve", "--port", str(port)],
        **{name: [_program("kasir"), "worker"] for name in names},
    }
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        walker = JourneyClient(made, http)
        running = Programs(made, walker, words)
        try:
            running.start(TWIN)
            await _tell_twin(running)
            for name in (SERVER, *names):
                running.start(name)
            await running.ready()
            yield running
        finally:
            running.stop()


async def until(
    look: Callable[[], Awaitable[T]], good: Callable[[T], bool], what: Callable[[T], str]
) -> T:
    """Look again and again until it is good; past all patience fail, saying what was seen last."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        found = await look()
        if good(found):
            return found
        assert time.monotonic() < deadline, f"never came to {what(found)}"
        await asyncio.sleep(LOOK_S)


def _program(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


async def _tell_twin(running: Programs) -> None:
    """Have the twin send notifications to Kasir, sealed with either of the keys it knows."""
    key, previous = running.made.environment["ADYEN_HMAC_KEY"].split(",")
    wanted = {
        "url": f"{running.made.kasir_url}/webhooks/adyen",
        "hmacKey": key,
        "previousHmacKey": previous,
    }

    async def tell() -> bool:
        try:
            await running.walker.twin("PUT", "/twin/webhooks/standard", wanted)
        except (aiohttp.ClientError, OSError):
            return False
        return True

    await until(tell, bool, lambda _: f"a twin: {running.last_words(TWIN)}")
