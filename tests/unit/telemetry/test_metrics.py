from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from kasir.telemetry import context, metrics

#: Runs in a process of its own, as a process of `kasir serve --workers` does.
COUNTING: Final = """
from prometheus_client import Counter
from kasir.telemetry import metrics
metrics.http_request("GET", "/health/live", 200, 0.01)
Counter("of_the_application", "Not Kasir's").inc()
print(metrics.text("Main", are_several=False).decode())
"""


def families(*, are_several: bool = False) -> dict[str, Metric]:
    """The metrics of this process, by name."""
    text = metrics.text("MainMerchant", are_several=are_several).decode()
    return {family.name: family for family in text_string_to_metric_families(text)}


def value(name: str, sample: str, *, are_several: bool = False, **labels: str) -> float:
    """The value of a sample; 0 if there is none."""
    found = families(are_several=are_several)[name].samples
    return sum(one.value for one in found if one.name == sample and one.labels == labels)


def test_a_call_to_adyen_is_counted_by_its_outcome_and_its_time() -> None:
    def counted(outcome: str) -> float:
        name = "kasir_adyen_calls"
        return value(name, f"{name}_total", call="/of-this-test", outcome=outcome)

    for status in (200, 422, 503, None):
        metrics.adyen_call("/of-this-test", status, 0.2)

    assert [counted(outcome) for outcome in ("2xx", "4xx", "5xx", "no_answer")] == [1, 1, 1, 1]
    of_histogram = "kasir_adyen_call_seconds"
    assert value(of_histogram, f"{of_histogram}_count", call="/of-this-test") == 4
    assert value(of_histogram, f"{of_histogram}_bucket", call="/of-this-test", le="0.1") == 0
    assert value(of_histogram, f"{of_histogram}_bucket", call="/of-this-test", le="0.25") == 4


def test_there_is_a_label_for_the_account_only_if_there_are_several() -> None:
    metrics.payment_reached("of this test")
    with context.request("req_1"):
        context.bind_account("SecondMerchant")
        metrics.payment_reached("of this test")
    name, sample = "kasir_payments", "kasir_payments_total"

    def of(account: str) -> float:
        return value(name, sample, are_several=True, account=account, status="of this test")

    assert value(name, sample, status="of this test") == 2
    assert (of("MainMerchant"), of("SecondMerchant")) == (1, 1)


def test_an_unknown_method_or_path_makes_no_new_label() -> None:
    name, sample = "kasir_http_requests", "kasir_http_requests_total"

    def counted() -> float:
        return value(name, sample, method="other", route="none", status="4xx")

    before = counted()
    for method in ("BREW", "brew", "SEARCH"):
        metrics.http_request(method, "", 404, 0.001)

    assert counted() == before + 3


def test_the_time_at_which_a_counter_began_is_no_series() -> None:
    metrics.job("of-this-test", "done", 0.1)
    samples = [sample.name for family in families().values() for sample in family.samples]

    assert "kasir_jobs_total" in samples
    assert [name for name in samples if name.endswith("_created")] == []


def test_processes_with_a_shared_folder_return_the_sum_of_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(metrics.SHARED_FOLDER, str(tmp_path))
    texts = [
        subprocess.run(
            [sys.executable, "-c", COUNTING], capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    ]
    sums = [
        sample.value
        for text in texts
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "kasir_http_requests_total"
    ]

    assert sums == [1, 2]
    assert "of_the_application" not in "".join(texts)
