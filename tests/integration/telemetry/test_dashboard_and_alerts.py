"""The dashboard, the alert rules and the documentation name metrics that exist."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
import yaml
from prometheus_client.parser import text_string_to_metric_families

from two_accounts import FIRST, SECOND, add_account, two_accounts, variables_of

ROOT: Final = Path(__file__).resolve().parents[3]
DASHBOARD: Final = ROOT / "deploy" / "grafana" / "kasir.json"
ALERTS: Final = ROOT / "deploy" / "prometheus" / "alerts.yml"
NAME: Final = re.compile(r"\bkasir_[a-z_]+\b")
#: The labels that a query compares or groups by.
COMPARED: Final = re.compile(r"[{,]\s*([a-z_]+)\s*(?:=~|!~|!=|=)")
GROUPED: Final = re.compile(r"\bby \(([^)]*)\)")


@pytest_asyncio.fixture
async def metrics_text(fresh_database: str) -> str:
    """A real answer to GET /metrics, of a Kasir with several accounts."""
    await add_account(fresh_database, SECOND, variables_of(SECOND))
    async with two_accounts(fresh_database) as shops:
        await shops.pay(FIRST)
        return (await shops.http.get("/metrics")).text


def sample_names(text: str) -> dict[str, str]:
    """The names that a query may use, each with the name of its metric."""
    suffixes = {
        "counter": ["_total"],
        "histogram": ["_bucket", "_sum", "_count"],
        "gauge": [""],
    }
    return {
        family.name + suffix: family.name
        for family in text_string_to_metric_families(text)
        for suffix in suffixes[family.type]
    }


def queries() -> list[str]:
    """Every query of the dashboard and of the alert rules."""
    panels: list[dict[str, Any]] = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    of_panels = [target["expr"] for panel in panels for target in panel.get("targets", [])]
    groups = yaml.safe_load(ALERTS.read_text("utf-8"))["groups"]
    return of_panels + [rule["expr"] for group in groups for rule in group["rules"]]


async def test_every_metric_of_a_query_is_in_a_real_answer(metrics_text: str) -> None:
    existing = sample_names(metrics_text)
    used = {name for query in queries() for name in NAME.findall(query)}

    assert len(used) > 20
    assert used - existing.keys() == set()


async def test_every_metric_is_documented_and_every_documented_one_exists(
    metrics_text: str,
) -> None:
    existing = sample_names(metrics_text)
    pages = [ROOT / "docs" / name for name in ("observability.md", "runbook.md")]
    text = "".join(page.read_text("utf-8") for page in pages)
    named = {name for name in NAME.findall(text) if not name.startswith("kasir_1f2e3d4c")}
    documented = {existing.get(name, name) for name in named}

    # A page names a histogram without the ending of a series.
    assert {*existing.values()} - documented == set()
    assert documented - {*existing.values()} - {"kasir_accounts", "kasir_default"} == set()


def test_queries_use_only_labels_that_metrics_have() -> None:
    known = {
        "account",
        "call",
        "job",
        "kind",
        "le",
        "method",
        "outcome",
        "reason",
        "route",
        "state",
        "status",
    }
    used = {label for query in queries() for label in COMPARED.findall(query)} | {
        label.strip()
        for query in queries()
        for group in GROUPED.findall(query)
        for label in group.split(",")
    }

    assert {"account", "le", "status"} <= used
    assert used - known == set()


def test_every_alert_has_a_severity_a_summary_and_a_part_of_the_runbook() -> None:
    rules = yaml.safe_load(ALERTS.read_text("utf-8"))["groups"][0]["rules"]
    headings = re.findall(r"^#+ (.+)$", (ROOT / "docs/runbook.md").read_text("utf-8"), re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}

    assert {rule["labels"]["severity"] for rule in rules} == {"page", "warn"}
    assert [rule["alert"] for rule in rules if not rule["annotations"]["summary"]] == []
    for rule in rules:
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert (page, anchor in anchors) == ("docs/runbook.md", True), rule["alert"]


def test_panels_of_the_dashboard_have_ids_of_their_own_and_do_not_overlap() -> None:
    panels = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    cells = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]

    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) == 23


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_accepts_the_alert_rules() -> None:
    done = subprocess.run(
        ["promtool", "check", "rules", str(ALERTS)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
