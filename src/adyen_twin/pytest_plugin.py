"""The pytest plugin: the fixture `adyen_twin`, a world of its own for each test.

pytest loads it wherever the twin is installed. The twin starts with the first test that uses it,
once in each process of pytest-xdist. With `ADYEN_TWIN_URL` in the environment, a running twin is
used instead.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from adyen_twin.core import seed as seed_file
from adyen_twin.testing import AdyenTwin, accepting_webhooks, running_twin

SEED_OPTION = "adyen_twin_seed"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option of pytest.ini or pyproject.toml."""
    text = "the seed, a YAML or JSON file, with which the world of each test begins"
    parser.addini(SEED_OPTION, text, default="")


@pytest.fixture(scope="session")
def adyen_twin_url() -> Iterator[str]:
    """Return the address of the twin."""
    given = os.environ.get("ADYEN_TWIN_URL")
    if given:
        yield given.rstrip("/")
        return
    with running_twin() as url:
        yield url


@pytest.fixture(scope="session")
def _webhook_acceptor() -> Iterator[str]:
    """Return the address of an endpoint that accepts every webhook."""
    with accepting_webhooks() as url:
        yield url


@pytest.fixture
def adyen_twin(
    adyen_twin_url: str, _webhook_acceptor: str, pytestconfig: pytest.Config
) -> Iterator[AdyenTwin]:
    """Return a world of the test's own, whose webhooks are accepted and kept for the test."""
    file = pytestconfig.getini(SEED_OPTION)
    seed = seed_file.read(Path(pytestconfig.rootpath, file)) if file else seed_file.Seed()
    world = AdyenTwin(
        server=adyen_twin_url,
        name=f"test-{secrets.token_hex(8)}",
        server_api_key=os.environ.get("ADYEN_TWIN_API_KEY", "twin-api-key"),
        merchant_account=seed.merchant_account or "TwinMerchant",
    )
    try:
        # Without a seed of its own, the world begins as the twin's options say.
        if file:
            world.control("PUT", "seed", msgspec.to_builtins(seed, str_keys=True))
        world.send_webhooks_to(_webhook_acceptor)
        yield world
    finally:
        world.close()
