"""What `kasir setup` prints, how it asks, and that it does nothing without a person's consent."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import subprocess
from dataclasses import dataclass
from typing import Any, Final

import pytest

import kasir.cli.setup as command
from adyen_twin.core.settings import Settings as TwinSettings
from command import KASIR, environment
from kasir.adyen.environments import Environment, addresses
from kasir.config import Settings
from kasir.gateway.wire import Wire
from kasir.limits import Limits
from setup_shop import Shop, faults, kinds, said

pytestmark = pytest.mark.asyncio(loop_scope="module")

QUESTION: Final = "Do this? [y/N] "
#: What the terminal sends for Ctrl-D.
END_OF_INPUT: Final = "\x04"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended, and what it printed."""

    code: int
    out: str


async def state_of(shop: Shop) -> dict[str, Any]:
    """Everything that `kasir setup` could change, at the twin and in Kasir's database."""
    count = "SELECT count(*) FROM webhook_key"
    endpoints = shop.kasir.twin.twin.state.endpoints
    return {
        "webhooks": await shop.webhooks(),
        "keys": {name: endpoint.hmac_key for name, endpoint in endpoints.items()},
        "stored": await shop.kasir.fetch_value(count),
        "notices": await shop.kasir.fetch_value("SELECT count(*) FROM notice"),
    }


async def on_a_terminal(shop: Shop, typed: str) -> Ended:
    """Run `kasir setup` on a terminal, and type this when it asks."""
    return await asyncio.to_thread(_on_a_terminal, environment(shop.environ), typed)


def _on_a_terminal(environ: dict[str, str], typed: str) -> Ended:
    ours, its = pty.openpty()
    with subprocess.Popen(
        [*KASIR, "setup"], env=environ, stdin=its, stdout=its, stderr=its
    ) as process:
        os.close(its)
        out = ""
        with os.fdopen(ours, "r+b", buffering=0) as terminal:
            while part := _read(terminal.fileno()):
                out += part
                if out.endswith(QUESTION):
                    terminal.write(typed.encode())
        return Ended(process.wait(), out.replace("\r\n", "\n"))


def _read(terminal: int) -> str:
    try:
        return os.read(terminal, 65536).decode()
    except OSError:  # The command has ended, and with it the other side of the terminal.
        return ""


async def without_a_terminal(shop: Shop, *options: str) -> Ended:
    """Run `kasir setup` with a pipe, and `y` on it."""
    done = await asyncio.to_thread(
        subprocess.run,
        [*KASIR, "setup", *options],
        env=environment(shop.environ),
        input="y\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return Ended(done.returncode, done.stdout)


@pytest.mark.parametrize("answer", ["y", "Yes "])
async def test_a_person_who_agrees_sees_what_was_done(shop: Shop, answer: str) -> None:
    ended = await on_a_terminal(shop, f"{answer}\n")
    webhook = await shop.webhook()
    before, after = ended.out.split(QUESTION)

    assert ended.code == 0, ended.out
    assert f"do    create the standard webhook to {shop.kasir.url}/webhooks/adyen\n" in before
    assert "do    generate its HMAC key, and store it in the database, encrypted\n" in before
    assert "ok    GoPay is listed for ID and IDR: it is\n" in before
    assert "hand  the token webhook: only a person can make it: Customer Area" in before
    assert f"ok    the standard webhook is created: it is {webhook['id']}\n" in after
    assert "ok    its HMAC key is generated and stored: " in after
    assert "ok    a test notification arrives: 4 were delivered to " in after


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param("n\n", id="no"),
        pytest.param("\n", id="nothing"),
        pytest.param("yo\n", id="neither"),
        pytest.param(END_OF_INPUT, id="end of input"),
    ],
)
async def test_without_a_yes_nothing_is_changed(shop: Shop, answer: str) -> None:
    before = await state_of(shop)
    ended = await on_a_terminal(shop, answer)

    assert (ended.code, "Traceback" in ended.out) == (1, False), ended.out
    assert QUESTION in ended.out
    assert before == await state_of(shop)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param([], id="no terminal"),
        pytest.param(["--dry-run"], id="dry run"),
        pytest.param(["--dry-run", "--yes"], id="dry run although agreed"),
        pytest.param(["--json"], id="JSON"),
    ],
)
async def test_it_only_shows(shop: Shop, options: list[str]) -> None:
    before = await state_of(shop)
    ended = await without_a_terminal(shop, *options)

    assert ended.code == 1
    assert QUESTION not in ended.out
    assert "create the standard webhook" in ended.out
    assert before == await state_of(shop)


async def test_a_dry_run_leaves_a_wrong_webhook_as_it_is(shop: Shop) -> None:
    await shop.setup()
    await shop.change(active=False, communicationFormat="soap")
    before = await state_of(shop)
    ended = await without_a_terminal(shop, "--dry-run", "--yes")

    assert ended.code == 1
    assert f"do    change the standard webhook {(await shop.webhook())['id']}: " in ended.out
    assert before == await state_of(shop)


async def test_once_all_is_well_it_asks_nothing(shop: Shop) -> None:
    await shop.setup()
    ended = await on_a_terminal(shop, "y\n")

    assert (ended.code, QUESTION in ended.out) == (0, False), ended.out
    assert "do    " not in ended.out


async def test_live_without_its_prefix_is_told_it_and_checkout_is_not_asked(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The live addresses stand for Adyen's own, so the connection is led to the twin."""
    to_twin = addresses(Environment.TWIN, twin_url=shop.kasir.twin.url)
    # The twin's own names are refused in live.
    own = TwinSettings(api_key="AQE-live-key", merchant_account="WarungECOM")
    monkeypatch.setattr(shop.kasir.twin.twin, "settings", own)
    asked: list[Settings] = []

    def connect(settings: Settings) -> Wire:
        asked.append(settings)
        return Wire(to_twin, settings.adyen_api_key, Limits())

    monkeypatch.setattr(command.Wire, "of", connect)
    await shop.knobs(livePrefix="1797a841-Warung")
    live = {
        "ADYEN_ENVIRONMENT": "live",
        "ADYEN_API_KEY": own.api_key,
        "ADYEN_MERCHANT_ACCOUNT": own.merchant_account,
        "ADYEN_HMAC_KEY": "",
        "KASIR_PUBLIC_URL": "https://pay.shop.example",
        "KASIR_API_KEY": "5f0c9b1e7a3d48268f14b7e2c96d0a35",
        "KASIR_SECRET_KEY": "a-secret-of-thirty-two-characters",
    }
    without = await shop.setup(is_agreed=False, **live)
    with_it = await shop.setup(is_agreed=False, **live, ADYEN_LIVE_PREFIX="1797a841-Warung")

    assert [settings.is_live for settings in asked] == [True, True]
    assert {"the live prefix", "Adyen answers this key"} == faults(without).keys()
    assert said(without, "the live prefix") == (
        "it is 1797a841-Warung: set ADYEN_LIVE_PREFIX to it for live"
    )
    assert "was not asked" in said(without, "Adyen answers this key")
    assert (faults(with_it), kinds(with_it)) == ({}, kinds(without))
    assert said(with_it, "Adyen answers this key") == "it does"
    assert own.api_key not in json.dumps([without, with_it])
