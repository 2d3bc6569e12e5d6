"""Adyen's own Node library saves, charges, lists and removes tokens at the twin and at Kasir.

The library supports only HTTPS, so the test runs a proxy with its own certificate.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import trustme

from adyen_twin.protocol import signing
from fakes import KEY, OTHER_KEY
from kasir.demo.processes import RunningDemo
from twin_fixtures import BROWSER

FOLDER = Path(__file__).parent / "node"
NODE = shutil.which("node")
IS_INSTALLED = (FOLDER / "node_modules" / "@adyen" / "api-library").is_dir()

pytestmark = pytest.mark.skipif(
    NODE is None or not IS_INSTALLED,
    reason="node is missing, or `make node` has not installed Adyen's library",
)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def https_proxy(url: str, authority: trustme.CA) -> AsyncIterator[str]:
    """Run an HTTPS proxy for an HTTP URL; yields the proxy's URL."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    parts = urlsplit(url)

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection(parts.hostname, parts.port)
        await asyncio.gather(_copy(reader, server_writer), _copy(server_reader, writer))

    async with await asyncio.start_server(forward, "127.0.0.1", 0, ssl=context) as server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def run_library(url: str, api_key: str, system: RunningDemo, folder: Path) -> Any:
    """Run the Node program with this URL and key; returns its output, see node/witness.js."""
    authority = trustme.CA()
    certificates = folder / "authority.pem"
    authority.cert_pem.write_to_path(certificates)
    suffix = secrets.token_hex(6)
    body = '{"type":"recurring.token.created","data":{"shopperReference":"pembeli-é"}}'
    signature = signing.sign_bytes(body.encode(), OTHER_KEY)
    async with https_proxy(url, authority) as https_url:
        request = {
            "url": https_url,
            "apiKey": api_key,
            "twin": system.twin_url,
            "merchantAccount": system.environment["ADYEN_MERCHANT_ACCOUNT"],
            "browserInfo": BROWSER,
            "shoppers": {model: f"{model}-{suffix}" for model in ("Subscription", "CardOnFile")},
            # The library must accept only the first signature.
            "signed": [
                {"body": body, "signature": signature, "key": OTHER_KEY},
                {"body": body, "signature": signature, "key": KEY},
                {"body": f"{body}\n", "signature": signature, "key": OTHER_KEY},
            ],
        }
        program = await asyncio.create_subprocess_exec(
            str(NODE),
            str(FOLDER / "witness.js"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "NODE_EXTRA_CA_CERTS": str(certificates)},
        )
        output, errors = await program.communicate(json.dumps(request).encode())

    assert program.returncode == 0, errors.decode()
    return json.loads(output)


@pytest.mark.parametrize("where", ["twin", "kasir"])
async def test_the_node_library_saves_charges_lists_and_removes_tokens(
    system: RunningDemo, where: str, tmp_path: Path
) -> None:
    url, key = {
        "twin": (system.twin_url, system.environment["ADYEN_API_KEY"]),
        "kasir": (system.kasir_url, system.api_key),
    }[where]
    output = await run_library(url, key, system, tmp_path)
    subscription, card_on_file = output["results"]["Subscription"], output["results"]["CardOnFile"]

    for result in (subscription, card_on_file):
        assert (result["started"], result["action"]) == ("RedirectShopper", "redirect")
        assert result["saved"] == "Authorised"
        ((token, method),) = result["listed"]
        assert method == "gopay_wallet"
        assert result["details"] == [token]
        assert (result["done"], len(result["pspReference"])) == ("Authorised", 16)
        assert result["left"] == 0
        assert result["refused"] == {"status": 422, "errorCode": "803"}
    assert (subscription["charged"], subscription["again"]) == ("Authorised", "Authorised")
    assert (card_on_file["charged"], card_on_file["again"]) == (
        "RedirectShopper",
        "RedirectShopper",
    )
    # The library accepts only the signature under its key and of the unchanged body.
    assert output["valid"] == [True, False, False]
