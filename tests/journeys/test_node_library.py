"""The journey of Adyen's Node library over HTTPS, and its row where node is not installed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from kasir.demo import journeys, node_library
from kasir.demo.client import JourneyClient, JourneyError, NotRun
from kasir.demo.processes import RunningDemo

LIBRARY = Path(__file__).parents[1] / "oracle" / "node" / "node_modules" / "@adyen" / "api-library"
needs_library = pytest.mark.skipif(
    shutil.which("node") is None or not LIBRARY.is_dir(),
    reason="node is missing, or `make node` has not installed Adyen's library",
)


@needs_library
async def test_the_node_library_pays_over_https_at_a_server_of_its_own(
    journey_client: JourneyClient,
) -> None:
    await node_library.node_library(journey_client)

    assert (journey_client.made.logs / "https-server.log").stat().st_mode & 0o077 == 0


@pytest.mark.long
@needs_library
async def test_a_refusal_of_the_node_library_fails_the_journey_with_its_reason(
    journey_client: JourneyClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def payment(client: JourneyClient, order: str) -> dict[str, object]:
        return {"reference": order}

    monkeypatch.setattr(JourneyClient, "payment", payment)
    with pytest.raises(JourneyError, match=r"the Node library's payments failed: .*amount"):
        await node_library.node_library(journey_client)


async def test_without_node_the_journey_is_not_run(
    journey_client: JourneyClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NotRun, match="node is not installed"):
        await node_library.node_library(journey_client)


async def test_without_the_library_the_journey_is_not_run(
    journey_client: JourneyClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "node"
    program.write_text("#!/bin/sh\nexit 1\n")  # As node does if it does not find the library.
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(NotRun, match="npm install @adyen/api-library"):
        await node_library.node_library(journey_client)


@pytest.mark.parametrize("fails", [False, True])
async def test_the_last_line_of_a_check_counts_the_journeys_that_were_not_run(
    system: RunningDemo,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    fails: bool,
) -> None:
    async def passes(_: JourneyClient) -> None: ...

    async def is_not_run(_: JourneyClient) -> None:
        raise NotRun("node is not installed")

    async def fails_if_asked(_: JourneyClient) -> None:
        if fails:
            raise JourneyError("it failed")

    chosen = {"one": passes, "two": is_not_run, "three": fails_if_asked}
    monkeypatch.setattr(journeys, "JOURNEYS", chosen)
    code = await journeys.run_all(system)

    assert code == int(fails)
    assert capsys.readouterr().out.splitlines() == [
        "ok    one",
        "skip  two: not run, node is not installed",
        "FAIL  three: JourneyError: it failed" if fails else "ok    three",
        f"{1 if fails else 2} of 3 journeys, 1 not run",
    ]
