"""Checks the checklist of Adyen's GoPay page: no row is empty, every journey it names exists."""

from __future__ import annotations

import re
from pathlib import Path

from kasir.demo.journeys import JOURNEYS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "add-gopay.md").read_text(encoding="utf-8")


def rows() -> list[list[str]]:
    """Every row of the tables that go through Adyen's page."""
    _, _, checklist = PAGE.partition("## Every sentence of Adyen's page")
    lines = [line for line in checklist.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if row[0] != "the page says"]


def test_every_sentence_has_its_place_and_what_shows_it() -> None:
    bare = [row for row in rows() if len(row) != 3 or not all(row)]
    # Neither code nor a person: only what asks for nothing to be done.
    idle = [
        row[0] for row in rows() if "](" not in f"{row[1]}{row[2]}" and "\N{EN DASH}" in row[1:]
    ]

    assert bare == []
    assert idle == ["GoPay's own knowledge base has more about testing"]
    assert len(rows()) >= 49


def test_every_journey_that_the_page_names_is_walked() -> None:
    named = {
        name
        for _, _, shown in rows()
        for said in re.findall(r"[Jj]ourneys? ((?:\*[^*]+\*(?:, )?)+)", shown)
        for name in re.findall(r"\*([^*]+)\*", said)
    }

    assert len(named) >= 10
    assert named - JOURNEYS.keys() == set()


def test_the_page_says_what_only_a_person_can_do() -> None:
    asked = [row[0] for row in rows() if "**you**" in row[2]]

    assert len(asked) == 5
