"""The pytest plugin: the fixture in this test run, and a project of its own under xdist."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import urllib.request
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest

from adyen_twin.testing import AdyenTwin, TwinError, running_twin
from command import environment
from integration.adyen_twin.test_command import wait_until
from twin_fixtures import charge_body, payment_body

PROJECT: Final = Path(__file__).resolve().parents[3] / "examples" / "twin_tests"
PATIENCE_S: Final = 300
SAVE: Final = {
    "storePaymentMethod": True,
    "shopperReference": "shopper-1",
    "recurringProcessingModel": "Subscription",
}


def run_project(folder: Path, *options: str, **given: str) -> subprocess.CompletedProcess[str]:
    """Run the tests of a copy of the example, without the other plugins of this environment."""
    plugins = "-p", "xdist", "-p", "adyen_twin.pytest_plugin", "-p", "no:cacheprovider"
    command = [sys.executable, "-m", "pytest", *plugins]
    return subprocess.run(
        [*command, *options],
        cwd=folder,
        env=environment({"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"} | given),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the example."""
    skipped = shutil.ignore_patterns("__pycache__")
    return shutil.copytree(PROJECT, tmp_path / "project", ignore=skipped)


def test_the_tests_of_a_project_run_in_parallel_with_a_world_each(project: Path) -> None:
    done = run_project(project, "-n", "2")

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\b9 passed", done.stdout)


def test_a_project_can_use_a_running_twin_and_ends_its_worlds(
    project: Path, adyen_twin: AdyenTwin
) -> None:
    before = adyen_twin.control("GET", "worlds")
    done = run_project(project, ADYEN_TWIN_URL=f"{adyen_twin.server}/")

    assert done.returncode == 0, done.stdout + done.stderr
    assert adyen_twin.control("GET", "worlds") == before


def test_a_seed_with_a_mistake_is_an_error_that_names_it(project: Path) -> None:
    (project / "world.yaml").write_text("knobs: {capture: never}", encoding="utf-8")
    done = run_project(project, "-k", "payments_of_its_own")

    assert done.returncode == 1
    assert "Invalid enum value 'never' - at `$.capture`" in done.stdout


def test_the_fixture_has_the_merchant_account_of_the_seed(project: Path) -> None:
    (project / "world.yaml").write_text("merchantAccount: Warung", encoding="utf-8")
    done = run_project(project, "-k", "an_order_is_paid or shopper_cancels")

    assert done.returncode == 0, done.stdout + done.stderr


def test_without_a_seed_a_world_begins_as_the_options_of_a_running_twin_say(project: Path) -> None:
    (project / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    with running_twin("--world", str(project / "world.yaml")) as url:
        done = run_project(project, "-k", "saved_wallet_of_the_seed", ADYEN_TWIN_URL=url)

    assert done.returncode == 0, done.stdout + done.stderr


def test_a_token_is_saved_charged_and_heard_of(adyen_twin: AdyenTwin) -> None:
    answer = adyen_twin.checkout("/payments", payment_body(**SAVE))
    location = adyen_twin.wallet.approve(answer["action"])
    adyen_twin.clock.advance(timedelta(seconds=10))
    standard, token = adyen_twin.webhooks
    charge = charge_body(token.item["data"]["storedPaymentMethodId"])
    charged = adyen_twin.checkout("/payments", charge, **{"Idempotency-Key": "one"})
    again = adyen_twin.checkout("/payments", charge, **{"Idempotency-Key": "one"})

    assert location is not None
    assert [standard.event, token.event] == ["AUTHORISATION", "recurring.token.created"]
    assert [standard.success, token.success] == [True, True]
    assert [adyen_twin.is_authentic(webhook) for webhook in (standard, token)] == [True, True]
    assert charged == again
    assert adyen_twin.wallet.of("shopper-1")["balance"] == 9_950_000


def test_a_wrong_signature_is_not_authentic(adyen_twin: AdyenTwin) -> None:
    adyen_twin.faults({"fault": "wrong_seal", "tries": 1})
    answer = adyen_twin.checkout("/payments", payment_body(**SAVE))
    adyen_twin.wallet.approve_without_return(answer["action"]["url"])
    adyen_twin.clock.advance(10)

    assert [adyen_twin.is_authentic(webhook) for webhook in adyen_twin.webhooks] == [False, False]


def test_a_shopper_refuses_cancels_or_lets_the_time_end(adyen_twin: AdyenTwin) -> None:
    answers = [adyen_twin.checkout("/payments", payment_body(reference=str(n))) for n in range(3)]
    refused = adyen_twin.wallet.refuse(answers[0])
    cancelled = adyen_twin.wallet.cancel(answers[1])
    adyen_twin.wallet.expire(answers[2])

    assert None not in (refused, cancelled)
    statuses = [payment["status"] for payment in adyen_twin.payments]
    assert statuses == ["expired", "cancelled", "refused"]


def test_the_wallet_knobs_clock_and_state_of_a_world_can_be_changed(
    adyen_twin: AdyenTwin, tmp_path: Path
) -> None:
    adyen_twin.wallet.change("shopper-1", balance=5)
    knobs = adyen_twin.knobs(profile="xendit")
    before = adyen_twin.clock.now()
    adyen_twin.clock.advance(timedelta(days=1))
    adyen_twin.save(tmp_path / "world.yaml")
    adyen_twin.reset()
    after_reset = adyen_twin.wallet.of("shopper-1")["balance"]
    adyen_twin.load(tmp_path / "world.yaml")

    assert (knobs["amountMax"], after_reset) == (50_000_000, 10_000_000)
    assert adyen_twin.wallet.of("shopper-1")["balance"] == 5
    assert adyen_twin.clock.now() - before >= timedelta(days=1)


def test_a_refused_call_is_an_error_with_the_answer(adyen_twin: AdyenTwin) -> None:
    with pytest.raises(TwinError, match=r'422 .*"errorCode":"130"'):
        adyen_twin.checkout("/payments", payment_body(reference=None))
    with pytest.raises(TwinError, match=r"422 .*unknown field"):
        adyen_twin.knobs(colour="blue")
    with pytest.raises(TwinError, match="Connection refused"):
        AdyenTwin(server="http://127.0.0.1:9", name="x").reset()


def test_a_twin_that_does_not_start_is_an_error_with_the_reason() -> None:
    with (
        pytest.raises(TwinError, match="did not start: adyen-twin: Unknown option"),
        running_twin("--no-such-option"),
    ):
        pytest.fail("it started")


def test_a_twin_ends_with_the_process_that_started_it() -> None:
    program = """
import os
from adyen_twin.testing import running_twin
with running_twin() as url:
    print(url, flush=True)
    os._exit(9)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=200, check=False
    )

    wait_until(lambda: not _answers(done.stdout.strip()))
    assert done.returncode == 9


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/twin/health", timeout=5):
            return True
    except OSError:
        return False
