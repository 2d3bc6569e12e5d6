"""The examples in the prose run as they stand: against a system of their own, at its addresses."""

from __future__ import annotations

import asyncio
import base64
import re
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
import requests
from aiohttp import web
from litestar import Litestar
from litestar.testing import AsyncTestClient
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
#: Pages that show how events are received: by a function `take`, and by one that fetches them.
RECEIVERS = ("docs/api.md",)

#: The secret that the page about events verifies with.
SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two letters..").decode()


@pytest.fixture
def environment(system: RunningDemo, monkeypatch: pytest.MonkeyPatch) -> RunningDemo:
    """The system, with its settings in the environment, as an operator would have them."""
    for name, text in system.environment.items():
        if name.startswith(("ADYEN_", "KASIR_")):
            monkeypatch.setenv(name, text)
    return system


@pytest.mark.parametrize("page", PAGES)
def test_the_python_examples_of_a_page_run(page: str, environment: RunningDemo) -> None:
    _, examples = _run(page, environment)

    assert examples > 0


@pytest.mark.parametrize("page", RECEIVERS)
def test_the_receiver_of_a_page_takes_every_event_there_is(
    page: str, environment: RunningDemo
) -> None:
    asyncio.run(_tell_all())
    names, _ = _run(page, environment)
    every = list(every_event())
    taken = {one.type: names["take"](*asyncio.run(_delivered(body_of(one)))) for one in every}
    fetched = {event["type"] for event in names["events"]()}

    assert {event: said for event, said in taken.items() if event not in said} == {}
    of_tokens = {said for event, said in taken.items() if event.startswith("token.")}
    assert [said for said in of_tokens if SHOPPER not in said] == []
    assert {one.type for one in every} <= fetched


def test_every_page_with_an_example_of_a_receiver_is_tried_with_every_event() -> None:
    prose = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    shown = {
        path.relative_to(ROOT).as_posix(): "\n".join(
            re.findall(r"^```python\n(.*?)^```$", path.read_text("utf-8"), re.MULTILINE | re.DOTALL)
        )
        for path in prose
    }
    of_events = {
        page for page, code in shown.items() if re.search(r"standardwebhooks|/api/events", code)
    }

    assert {page for page, code in shown.items() if code} == set(PAGES)
    assert of_events == set(RECEIVERS)


def _run(page: str, system: RunningDemo) -> tuple[dict[str, Any], int]:
    """Run a page's examples in their order: what they named, and how many there were."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for shown, real in _places(system).items():
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


def test_the_front_page_shows_journeys_that_there_are_in_their_order() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.findall(r"^ok    (.+)$", readme, flags=re.MULTILINE)

    assert shown != []
    assert shown == [name for name in JOURNEYS if name in shown]


def _places(system: RunningDemo) -> Mapping[str, str]:
    """Where things are in the prose, and where they are here; a reference is used once only."""
    return {
        "http://127.0.0.1:8000": system.kasir_url,
        "http://127.0.0.1:8700": system.twin_url,
        "demo-api-key": system.api_key,
        "ORDER-10": f"ORDER-{secrets.token_hex(4)}-",
    }


def _approve(system: RunningDemo, url: str) -> str:
    """Pay as the shopper does, and bring back the redirectResult."""
    done = requests.post(
        f"{system.twin_url}/twin/wallet", json={"url": url, "do": "approve"}, timeout=10
    ).json()
    return str(done["location"].partition("redirectResult=")[2])


def _paid() -> OutgoingEvent:
    """The event that the page receives."""
    return next(one for one in every_event() if one.type is EventType.PAYMENT_AUTHORISED)


async def _tell_all() -> None:
    """Write every event there is, as a change of a payment does."""
    async with open_parts() as kasir:
        vault, ids = Vault(kasir.settings.secrets), SortableIds(time.time_ns)
        outbox = Outbox(ids, kasir.clock, vault, is_pushed=False)
        async with kasir.pool.acquire() as connection, connection.transaction():
            await outbox.write(connection, list(every_event()))


async def _delivered(payload: bytes) -> tuple[dict[str, str], bytes]:
    """What a shop's endpoint receives when Kasir really delivers an event."""
    heard: list[tuple[dict[str, str], bytes]] = []

    async def hear(request: web.Request) -> web.Response:
        heard.append((dict(request.headers), await request.read()))
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/", hear)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    async with EventSender(url, [SECRET], 10, SystemClock()) as sender:
        assert (await sender.send(StoredEvent("evt_1", payload))).is_taken
    await runner.cleanup()
    return heard[0]


async def _get_from(app: Litestar, path: str) -> int:
    """Ask an app for a page, from its start to its end; gives the status."""
    async with AsyncTestClient(app) as client:
        return (await client.get(path)).status_code
