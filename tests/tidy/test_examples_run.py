"""The examples in the documentation run: the tests replace only URLs, API key and references."""

from __future__ import annotations

import asyncio
import base64
import re
import secrets
import shlex
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import requests
from aiohttp import web
from fastapi import FastAPI
from sybil.document import Document
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser

from every_event import SHOPPER, body_of, every_event
from kasir.clock import SystemClock
from kasir.demo.journeys import JOURNEYS
from kasir.demo.processes import RunningDemo
from kasir.ids import SortableIds
from kasir.shop_events.event_policy import EventType
from kasir.shop_events.sender import EventSender
from kasir.store.outbox import Outbox, OutgoingEvent, StoredEvent
from kasir.store.vault import Vault
from kasir.wiring import open_parts

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "docs/api.md", "docs/library.md")
#: A page of whole programs, which tests/oracle/test_snippets.py runs.
SNIPPETS = "docs/snippets.md"
#: Pages whose examples receive events: `take` handles one delivered event, `events` fetches all.
RECEIVERS = ("docs/api.md",)

#: The secret with which the example verifies an event's signature.
SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two letters..").decode()


@pytest.fixture
def environment(system: RunningDemo, monkeypatch: pytest.MonkeyPatch) -> RunningDemo:
    """The system, with the settings of the file that it prints as environment variables."""
    read = ["sh", "-ac", f". {shlex.quote(str(system.settings_file))} && env -0"]
    given = subprocess.run(read, env={}, stdout=subprocess.PIPE, text=True, check=True).stdout
    for setting in given.split("\0"):
        name, _, text = setting.partition("=")
        if name.startswith(("ADYEN_", "KASIR_")):
            monkeypatch.setenv(name, text)
    return system


@pytest.mark.parametrize("page", PAGES)
def test_the_python_examples_of_a_page_run(page: str, environment: RunningDemo) -> None:
    _, examples = _run(page, environment)

    assert examples > 0


@pytest.mark.parametrize("page", RECEIVERS)
def test_the_receiver_of_a_page_accepts_every_event(page: str, environment: RunningDemo) -> None:
    asyncio.run(_write_every_event())
    names, _ = _run(page, environment)
    events = list(every_event())
    results = {
        event.type: names["take"](*asyncio.run(_delivered(body_of(event)))) for event in events
    }
    fetched_types = {event["type"] for event in names["events"]()}

    # `take` returns a text with the event's type, and for a token also the shopper.
    assert {kind: result for kind, result in results.items() if kind not in result} == {}
    of_tokens = {result for kind, result in results.items() if kind.startswith("token.")}
    assert [result for result in of_tokens if SHOPPER not in result] == []
    assert {event.type for event in events} <= fetched_types


def test_every_page_with_a_receiver_is_tested_with_every_event() -> None:
    pages = {ROOT / "README.md", *(ROOT / "docs").rglob("*.md")} - {ROOT / SNIPPETS}
    examples = {
        path.relative_to(ROOT).as_posix(): "\n".join(
            re.findall(r"^```python\n(.*?)^```$", path.read_text("utf-8"), re.MULTILINE | re.DOTALL)
        )
        for path in pages
    }
    receivers = {
        page for page, code in examples.items() if re.search(r"standardwebhooks|/api/events", code)
    }

    assert {page for page, code in examples.items() if code} == set(PAGES)
    assert receivers == set(RECEIVERS)


def _run(page: str, system: RunningDemo) -> tuple[dict[str, Any], int]:
    """Run a page's examples in their order; returns their global names and their number."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for shown, real in _replacements(system).items():
        text = text.replace(shown, real)
    document = Document(text, str(ROOT / page))
    for parser in (PythonCodeBlockParser(), SkipParser()):
        for region in parser(document):
            document.add(region)
    document.namespace |= {
        "__name__": "__main__",
        "approve": lambda url: _approve(system, url),
        "delivered": lambda: asyncio.run(_delivered(body_of(_paid()))),
        "get_from": lambda app, path: asyncio.run(_get_from(app, path)),
    }
    examples = list(document.examples())
    for example in examples:
        example.evaluate()
    return document.namespace, len(examples)


@pytest.mark.parametrize("page", PAGES)
def test_the_json_examples_of_a_page_are_json(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")

    for example in re.findall(r"^```json\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL):
        msgspec.json.decode(example)


def test_the_examples_of_the_readme_need_only_the_settings_of_the_demo() -> None:
    """So that they run unchanged beside a demo: no address and no key is written in them."""
    examples = "".join(
        re.findall(
            r"^```python\n(.*?)^```$",
            (ROOT / "README.md").read_text("utf-8"),
            re.MULTILINE | re.DOTALL,
        )
    )

    assert {"KASIR_URL", "KASIR_API_KEY"} <= set(re.findall(r"KASIR_\w+", examples))
    assert [text for text in ('127.0.0.1:8000/v72"', "demo-api-key") if text in examples] == []


def test_the_journeys_in_the_readme_exist_and_are_in_their_order() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.findall(r"^ok    (.+)$", readme, flags=re.MULTILINE)

    assert shown != []
    assert shown == [name for name in JOURNEYS if name in shown]


def _replacements(system: RunningDemo) -> Mapping[str, str]:
    """The texts of the examples that are replaced, each with its replacement in this run."""
    return {
        "http://127.0.0.1:8000": system.kasir_url,
        "http://127.0.0.1:8700": system.twin_url,
        "demo-api-key": system.api_key,
        "ORDER-10": f"ORDER-{secrets.token_hex(4)}-",
    }


def _approve(system: RunningDemo, url: str) -> str:
    """Approve at the wallet; returns the redirectResult."""
    done = requests.post(
        f"{system.twin_url}/twin/wallet", json={"url": url, "do": "approve"}, timeout=10
    ).json()
    return str(done["location"].partition("redirectResult=")[2])


def _paid() -> OutgoingEvent:
    """The event that `delivered` in the examples returns."""
    return next(one for one in every_event() if one.type is EventType.PAYMENT_AUTHORISED)


async def _write_every_event() -> None:
    """Write every event to the outbox, as a change of a payment does."""
    async with open_parts() as kasir:
        vault, ids = Vault(kasir.settings.secrets), SortableIds(time.time_ns)
        outbox = Outbox(ids, kasir.clock, vault, is_pushed=False)
        async with kasir.pool.acquire() as connection, connection.transaction():
            await outbox.write(connection, list(every_event()))


async def _delivered(payload: bytes) -> tuple[dict[str, str], bytes]:
    """Deliver an event with Kasir's sender; returns the headers and body that a shop receives."""
    received: list[tuple[dict[str, str], bytes]] = []

    async def receive(request: web.Request) -> web.Response:
        received.append((dict(request.headers), await request.read()))
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/", receive)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    async with EventSender(url, [SECRET], 10, SystemClock()) as sender:
        assert (await sender.send(StoredEvent("evt_1", payload))).is_taken
    await runner.cleanup()
    return received[0]


async def _get_from(app: FastAPI, path: str) -> int:
    """Start an app, request a path, and stop the app; returns the HTTP status."""
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://shop.example") as client,
    ):
        return (await client.get(path)).status_code
