"""The pages match the code: generated parts are current, and events, paths and jobs are listed."""

import ast
import importlib.util
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from kasir import Kasir
from kasir.jobs.kinds import JobKind
from kasir.shop_events.event_policy import EventType
from kasir.subscriptions.events import SubscriptionEvent

ROOT = Path(__file__).resolve().parents[2]
ASSUMPTIONS = PurePosixPath("docs/adyen.md")
API = PurePosixPath("docs/api.md")
LIBRARY = PurePosixPath("docs/library.md")
ARCHITECTURE = PurePosixPath("docs/architecture.md")

CITED_TEST = re.compile(r"\[(test_\w+)\]\(\.\./(tests/[\w/]+\.py)\)")


def test_the_page_on_statuses_is_what_its_script_generates(
    pages: Mapping[PurePosixPath, str],
) -> None:
    spec = importlib.util.spec_from_file_location(
        "document_status", ROOT / "scripts" / "document_status.py"
    )
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)

    advice = "run `.venv/bin/python scripts/document_status.py`"
    assert script.page() == pages[PurePosixPath("docs/payment-status.md")], advice


def test_every_assumption_has_a_source_and_code_and_its_tests_exist(
    texts: Mapping[PurePosixPath, str], pages: Mapping[PurePosixPath, str]
) -> None:
    page = pages[ASSUMPTIONS]
    incomplete = [row for row in _rows(page, "assumption") if not all(row[:3])]
    missing = [
        f"{path}: {name}"
        for name, path in CITED_TEST.findall(page)
        if name not in _functions(texts[PurePosixPath(path)])
    ]

    assert (incomplete, missing) == ([], [])


def test_every_event_is_on_the_page_about_the_api(pages: Mapping[PurePosixPath, str]) -> None:
    named = set(re.findall(r"`([a-z_]+\.[a-z_]+)`", pages[API]))

    assert {event.value for enum in (EventType, SubscriptionEvent) for event in enum} <= named


def test_the_public_names_of_the_library_are_those_on_its_page(
    pages: Mapping[PurePosixPath, str],
) -> None:
    named = set(re.findall(r"^\| `kasir\.(\w+)", pages[LIBRARY], re.MULTILINE))

    assert {name for name in dir(Kasir) if not name.startswith("_")} == {"open", *named}


def test_every_part_of_a_path_that_shops_call_is_on_a_page(
    texts: Mapping[PurePosixPath, str], pages: Mapping[PurePosixPath, str]
) -> None:
    prose = "".join(page for path, page in pages.items() if path.parts[0] == "docs")
    parts = {
        part
        for path, text in texts.items()
        if path.match("src/kasir/web/*_api.py")
        for url_path in re.findall(r'"(/[\w/{}:.]*)', text)
        for part in re.findall(r"/([a-zA-Z]{3,})", url_path)
    }

    assert "payments" in parts
    assert {part for part in parts if f"/{part}" not in prose} == set()


def test_every_table_and_every_job_is_on_the_architecture_page(
    texts: Mapping[PurePosixPath, str], pages: Mapping[PurePosixPath, str]
) -> None:
    tables = {
        name
        for path, text in texts.items()
        if path.match("src/kasir/store/migrations/*.sql")
        for name in re.findall(r"CREATE TABLE (?:IF NOT EXISTS )?(\w+)", text)
    }
    jobs = {kind.value for kind in JobKind}
    named = set(re.findall(r"`(\w+)`", pages[ARCHITECTURE]))

    assert "payment" in tables
    assert (tables | jobs) - named == set()


def _rows(page: str, first: str) -> Iterator[list[str]]:
    """The cells of each row of the tables whose first column has this heading."""
    inside = False
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            inside = False
        elif cells[0] == first:
            inside = True
        elif inside and not line.startswith("|-"):
            yield cells


def _functions(text: str) -> set[str]:
    """The names of the functions in the source of a module."""
    return {
        node.name
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
