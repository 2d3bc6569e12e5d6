"""Pages that a script writes from the code are what the script would write now."""

import importlib.util
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_on_statuses_is_what_the_code_says(pages: Mapping[PurePosixPath, str]) -> None:
    spec = importlib.util.spec_from_file_location(
        "document_status", ROOT / "scripts" / "document_status.py"
    )
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)

    cure = "run `.venv/bin/python scripts/document_status.py`"
    assert script.page() == pages[PurePosixPath("docs/payment-status.md")], cure
