"""A journey over HTTPS: Adyen's own Node library, which supports nothing else, pays at Kasir."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import aiohttp

from kasir.demo.authority import Authority, authority_in
from kasir.demo.client import JourneyClient, JourneyError, NotRun, expect, reference
from kasir.demo.processes import free_port

_PROGRAM: Final = Path(__file__).with_name("node_client.js")
#: Where `make node` installs the library in a checkout.
_CHECKOUT: Final = Path(__file__).parents[3] / "tests" / "oracle" / "node"
_LOG: Final = "https-server.log"
_READY_S: Final = 60.0
_STOP_S: Final = 30.0
_POLL_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class _Node:
    """A node program, and a folder from which it finds Adyen's library."""

    program: str
    folder: Path

    async def call(
        self, server: _HttpsKasir, api_key: str, method: str, body: Mapping[str, Any]
    ) -> Any:
        """Call Kasir by a method of the library's PaymentsApi; return its result.

        Raises:
            JourneyError: The library reported an error.
        """
        request = {"url": server.url, "apiKey": api_key, "method": method, "body": body}
        environ = os.environ | {"NODE_EXTRA_CA_CERTS": str(server.authority.certificate)}
        code, out, err = await _run(
            self.program, str(_PROGRAM), text=json.dumps(request), folder=self.folder, env=environ
        )
        if code != 0:
            raise JourneyError(f"the Node library's {method} failed: {err.strip()[:300]}")
        return json.loads(out)


@dataclass(frozen=True, slots=True)
class _HttpsKasir:
    """A server of this Kasir that answers HTTPS, and the authority of its certificate."""

    url: str
    authority: Authority


async def node_library(client: JourneyClient) -> None:
    """The library requests a payment, the shopper pays, and the library reads the result."""
    node = await _node()
    order = reference("node")
    async with _https_kasir(client) as server:
        key, body = client.made.api_key, client.payment(order)
        paid = await node.call(server, key, "payments", body)
        expect(paid["resultCode"], "RedirectShopper", "the library's result code")
        result = await client.shopper(paid["action"], "approve")
        details = {"details": {"redirectResult": result}}
        done = await node.call(server, key, "paymentsDetails", details)
    expect(done["resultCode"], "Authorised", "the library's result code after the return")
    await client.status(order, "authorised")


async def _node() -> _Node:
    """Find node and the library.

    Raises:
        NotRun: One of them is not installed.
    """
    program = shutil.which("node")
    if program is None:
        raise NotRun("node is not installed")
    for folder in (Path.cwd(), _CHECKOUT):
        if not folder.is_dir():
            continue
        finds = "require.resolve('@adyen/api-library', {paths: [process.cwd()]})"
        code, _, _ = await _run(program, "-e", finds, folder=folder)
        if code == 0:
            return _Node(program, folder)
    raise NotRun("Adyen's library is not installed: npm install @adyen/api-library")


@asynccontextmanager
async def _https_kasir(client: JourneyClient) -> AsyncIterator[_HttpsKasir]:
    """The demo's own server if it answers HTTPS; otherwise one more server on its database."""
    if client.made.authority:
        yield _HttpsKasir(client.made.kasir_url, client.made.authority)
        return
    with tempfile.TemporaryDirectory(prefix="kasir-demo-tls-") as folder:
        authority, port = authority_in(Path(folder), datetime.now(UTC)), free_port()
        url = f"https://127.0.0.1:{port}"
        options = ["--port", str(port)]
        options += ["--tls-cert", str(authority.server), "--tls-key", str(authority.server_key)]
        log = os.open(client.made.logs / _LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        process = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).with_name("kasir")),
            "serve",
            *options,
            env={**client.made.environment, "KASIR_PUBLIC_URL": url},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        os.close(log)
        try:
            await _until_ready(client, process, url, authority)
            yield _HttpsKasir(url, authority)
        finally:
            await _stop(process)


async def _until_ready(
    client: JourneyClient, process: asyncio.subprocess.Process, url: str, authority: Authority
) -> None:
    deadline, tls = time.monotonic() + _READY_S, authority.context()
    while time.monotonic() < deadline and process.returncode is None:
        try:
            async with client.http.get(f"{url}/health/ready", ssl=tls):
                return
        except aiohttp.ClientConnectionError:
            await asyncio.sleep(_POLL_S)
    raise JourneyError(f"the server at {url} did not start")


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _STOP_S)
    except TimeoutError:
        process.kill()
        await process.wait()


async def _run(
    *command: str, folder: Path, text: str = "", env: Mapping[str, str] | None = None
) -> tuple[int | None, str, str]:
    """Run a program in a folder; return its exit code, its output and its errors."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=env,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(text.encode()), _STOP_S)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, out.decode(errors="replace"), err.decode(errors="replace")


JOURNEYS: Final = {"https with Adyen's Node library": node_library}
