"""The examples in the prose run as they stand: against a house of their own, at its addresses."""

from __future__ import annotations

import asyncio
import base64
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest
import requests
from aiohttp import web
from litestar import Litestar
from litestar.testing import AsyncTestClient
from sybil.document import Document
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser

from kasir.clock import SystemClock
from kasir.demo.journeys import JOURNEYS
from kasir.demo.stage import Stage
from kasir.shop_events.delivery import Deliverer, Event

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "docs/api.md", "docs/library.md")

#: The secret that the page about events verifies with.
SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two letters..").decode()


@pytest.fixture
def environment(house: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """The house, with its settings in the environment, as an operator would have them."""
    for name, text in house.environment.items():
        if name.startswith(("ADYEN_", "KASIR_")):
            monkeypatch.setenv(name, text)
    return house


@pytest.mark.parametrize("page", PAGES)
def test_the_python_examples_of_a_page_run(page: str, environment: Stage) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for shown, real in _places(environment).items():
        text = text.replace(shown, real)
    document = Document(text, str(ROOT / page))
    for parser in (PythonCodeBlockParser(), SkipParser()):
        for region in parser(document):
            document.add(region)
    document.namespace |= {
        "__name__": "__main__",
        "approve": lambda url: _approve(environment, url),
        "delivered": lambda: asyncio.run(_delivered()),
        "get_from": lambda app, path: asyncio.run(_get_from(app, path)),
    }
    examples = list(document.examples())
    for example in examples:
        example.evaluate()

    assert examples != []


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


def _places(house: Stage) -> Mapping[str, str]:
    """Where things are in the prose, and where they are here; a reference is used once only."""
    return {
        "http://127.0.0.1:8000": house.kasir_url,
        "http://127.0.0.1:8700": house.twin_url,
        "demo-api-key": house.api_key,
        "ORDER-10": f"ORDER-{secrets.token_hex(4)}-",
    }


def _approve(house: Stage, url: str) -> str:
    """Pay as the shopper does, and bring back the redirectResult."""
    done = requests.post(
        f"{house.twin_url}/twin/wallet", json={"url": url, "do": "approve"}, timeout=10
    ).json()
    return str(done["location"].partition("redirectResult=")[2])


async def _delivered() -> tuple[dict[str, str], bytes]:
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
    payload = b'{"type": "payment.authorised", "data": {"reference": "ORDER-1001"}}'
    async with Deliverer(url, [SECRET], 10, SystemClock()) as deliverer:
        assert (await deliverer.deliver(Event("evt_1", payload))).is_taken
    await runner.cleanup()
    return heard[0]


async def _get_from(app: Litestar, path: str) -> int:
    """Ask an app for a page, from its start to its end; gives the status."""
    async with AsyncTestClient(app) as client:
        return (await client.get(path)).status_code
