"""Checks the checklist in docs/add-gopay.md: no cell is empty, and every named journey exists."""

from __future__ import annotations

import re
from pathlib import Path

from kasir.demo.journeys import JOURNEYS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "add-gopay.md").read_text(encoding="utf-8")


def rows() -> list[list[str]]:
    """The cells of every row of the checklist's tables: Adyen's sentence, the code, the tests."""
    _, _, checklist = PAGE.partition("## Every sentence of Adyen's page")
    lines = [line for line in checklist.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if row[0] != "the page says"]


def test_every_sentence_of_adyens_page_has_code_and_a_test_or_needs_neither() -> None:
    incomplete = [row for row in rows() if len(row) != 3 or not all(row)]
    # A dash in a cell means that nothing is needed there.
    without_link = [
        row[0] for row in rows() if "](" not in f"{row[1]}{row[2]}" and "\N{EN DASH}" in row[1:]
    ]

    assert incomplete == []
    # Only this sentence needs neither code nor a test.
    assert without_link == ["GoPay's own knowledge base has more about testing"]
    assert len(rows()) >= 49


def test_every_journey_that_the_page_names_exists() -> None:
    named = {
        name
        for _, _, tests in rows()
        for names in re.findall(r"[Jj]ourneys? ((?:\*[^*]+\*(?:, )?)+)", tests)
        for name in re.findall(r"\*([^*]+)\*", names)
    }

    assert len(named) >= 10
    assert named - JOURNEYS.keys() == set()


def test_the_page_marks_the_five_sentences_that_a_person_must_fulfil() -> None:
    manual = [row[0] for row in rows() if "**you**" in row[2]]

    assert len(manual) == 5
