"""Handlers in the shape of Adyen's samples, with Adyen's own libraries, accept what is relayed."""

from __future__ import annotations

import asyncio
import json
import shutil
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from Adyen.util import is_valid_hmac_notification, is_valid_hmac_payload
from flask import Flask, request
from werkzeug.serving import make_server

from fakes import KEY, OTHER_KEY, a_question, an_intent
from integration.relay.relay_setup import RELAY_KEY, notify, notify_token, relaying, run_relay
from kasir.store import relay
from opened_kasir import a_database

FOLDER: Final = Path(__file__).parent / "node"
NODE: Final = shutil.which("node")
HAS_NODE: Final = NODE is not None and (FOLDER / "node_modules/@adyen/api-library").is_dir()

#: Runs a handler with the HMAC keys of standard and token notifications; yields its URL and what it
#: has accepted so far.
Running = Callable[[str, str], AbstractAsyncContextManager[tuple[str, list[str]]]]


@asynccontextmanager
async def python_handler(hmac_key: str, token_key: str) -> AsyncIterator[tuple[str, list[str]]]:
    """A handler in the shape of Adyen's sample for Python: Flask and Adyen's library."""
    app, accepted = Flask("app"), list[str]()

    @app.route("/", methods=["POST"])
    def webhook_notifications() -> tuple[str, int]:
        notification = request.json["notificationItems"][0]["NotificationRequestItem"]
        if not is_valid_hmac_notification(notification, hmac_key):
            raise ValueError("Invalid HMAC signature")
        accepted.append(notification["pspReference"])
        return "", 202

    @app.route("/tokens", methods=["POST"])
    def token_notifications() -> tuple[str, int]:
        if not is_valid_hmac_payload(
            request.headers["HmacSignature"], token_key, request.get_data()
        ):
            raise ValueError("Invalid HMAC signature")
        accepted.append(request.json["eventId"])
        return "", 202

    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", accepted
    finally:
        await asyncio.to_thread(server.shutdown)
        thread.join()
        server.server_close()


@asynccontextmanager
async def node_handler(hmac_key: str, token_key: str) -> AsyncIterator[tuple[str, list[str]]]:
    """A handler in the shape of Adyen's sample for Node: node/handler.js."""
    program = await asyncio.create_subprocess_exec(
        str(NODE), str(FOLDER / "handler.js"), hmac_key, token_key, stdout=asyncio.subprocess.PIPE
    )
    output = program.stdout
    assert output is not None
    accepted: list[str] = []
    port = json.loads(await output.readline())

    async def follow() -> None:
        async for line in output:
            accepted.append(json.loads(line))  # noqa: PERF401  # The list grows while it is read.

    following = asyncio.create_task(follow())
    try:
        yield f"http://127.0.0.1:{port}", accepted
    finally:
        program.terminate()
        await program.wait()
        await following


HANDLERS: Final = [
    pytest.param(python_handler, id="Python"),
    pytest.param(
        node_handler,
        id="Node",
        marks=pytest.mark.skipif(
            not HAS_NODE, reason="node is missing, or `make node` has not installed the library"
        ),
    ),
]


@pytest.mark.parametrize("handler", HANDLERS)
@pytest.mark.parametrize(
    ("environ", "keys"),
    [
        pytest.param({}, (KEY, OTHER_KEY), id="Adyen's signatures"),
        pytest.param(
            {"KASIR_RELAY_HMAC_KEY": RELAY_KEY, "KASIR_RELAY_TOKEN_HMAC_KEY": KEY},
            (RELAY_KEY, KEY),
            id="new signatures",
        ),
    ],
)
async def test_adyens_libraries_accept_our_foreign_and_token_notifications(
    postgres_dsn: str, handler: Running, environ: dict[str, Any], keys: tuple[str, str]
) -> None:
    body = json.dumps({"type": "recurring.token.created", "eventId": "PSPTOKEN", "data": {"é": 1}})
    async with (
        a_database(postgres_dsn) as database,
        handler(*keys) as (url, accepted),
        relaying(database, url, **environ) as kasir,
    ):
        await kasir.payments.open(an_intent("pay_1"), a_question("pay_1"), None)
        await notify(kasir, "PSPOWN", merchantReference="ORDER-1001")
        await notify(kasir, "PSPFOREIGN", merchantReference="ORDER:é/<OTHERS>")
        await notify_token(kasir, body.encode())
        await run_relay(kasir)
        left = await relay.backlog(kasir.pool, 10)

    assert (left.waiting, left.answer) == (0, "202")
    assert accepted == ["PSPOWN", "PSPFOREIGN", "PSPTOKEN"]


@pytest.mark.parametrize("handler", HANDLERS)
async def test_adyens_libraries_refuse_another_keys_signature_and_the_queue_waits(
    postgres_dsn: str, handler: Running
) -> None:
    async with (
        a_database(postgres_dsn) as database,
        handler(OTHER_KEY, KEY) as (url, accepted),
        relaying(database, url) as kasir,
    ):
        await notify(kasir, "PSP1")
        await run_relay(kasir)
        left = await relay.backlog(kasir.pool, 10)

    assert (left.waiting, left.answer) in [(1, "401"), (1, "500")]
    assert accepted == []
