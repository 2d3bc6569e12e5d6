"""Adyen's own Node library saves, charges, lists and removes: at the twin, and through Kasir.

It speaks HTTPS only, so each stands behind a front with a certificate of the test's own.
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
    reason="no node, or no library of Adyen's in tests/oracle/node, which `make node` fetches",
)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def front_of(url: str, authority: trustme.CA) -> AsyncIterator[str]:
    """An https address before an http one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    parts = urlsplit(url)

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind_reader, behind_writer = await asyncio.open_connection(parts.hostname, parts.port)
        await asyncio.gather(_copy(reader, behind_writer), _copy(behind_reader, writer))

    async with await asyncio.start_server(forward, "127.0.0.1", 0, ssl=context) as server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def witnessed(url: str, api_key: str, system: RunningDemo, folder: Path) -> Any:
    """What the library was answered at this address, under this key."""
    authority = trustme.CA()
    certificates = folder / "authority.pem"
    authority.cert_pem.write_to_path(certificates)
    mark = secrets.token_hex(6)
    body = '{"type":"recurring.token.created","data":{"shopperReference":"pembeli-é"}}'
    seal = signing.sign_bytes(body.encode(), OTHER_KEY)
    async with front_of(url, authority) as front:
        told = {
            "url": front,
            "apiKey": api_key,
            "twin": system.twin_url,
            "merchantAccount": system.environment["ADYEN_MERCHANT_ACCOUNT"],
            "browserInfo": BROWSER,
            "shoppers": {model: f"{model}-{mark}" for model in ("Subscription", "CardOnFile")},
            "seals": [
                {"body": body, "seal": seal, "key": OTHER_KEY},
                {"body": body, "seal": seal, "key": KEY},
                {"body": f"{body}\n", "seal": seal, "key": OTHER_KEY},
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
        said, trouble = await program.communicate(json.dumps(told).encode())

    assert program.returncode == 0, trouble.decode()
    return json.loads(said)


@pytest.mark.parametrize("where", ["twin", "kasir"])
async def test_the_node_library_saves_charges_lists_and_removes(
    system: RunningDemo, where: str, tmp_path: Path
) -> None:
    url, key = {
        "twin": (system.twin_url, system.environment["ADYEN_API_KEY"]),
        "kasir": (system.kasir_url, system.api_key),
    }[where]
    found = await witnessed(url, key, system, tmp_path)
    subscription, card_on_file = found["lives"]["Subscription"], found["lives"]["CardOnFile"]

    for told in (subscription, card_on_file):
        assert (told["started"], told["action"]) == ("RedirectShopper", "redirect")
        assert told["saved"] == "Authorised"
        ((token, method),) = told["listed"]
        assert method == "gopay_wallet"
        assert told["details"] == [token]
        assert (told["done"], len(told["pspReference"])) == ("Authorised", 16)
        assert told["left"] == 0
        assert told["refused"] == {"status": 422, "errorCode": "803"}
    assert (subscription["charged"], subscription["again"]) == ("Authorised", "Authorised")
    assert (card_on_file["charged"], card_on_file["again"]) == (
        "RedirectShopper",
        "RedirectShopper",
    )
    # The library's own check of seals agrees with ours, letter for letter.
    assert found["seals"] == [True, False, False]
