"""The texts of the desk: one key in one module, in both languages, with the same values in them."""

from __future__ import annotations

import re
from collections import Counter
from importlib.resources import files
from string import Formatter

import pytest

from kasir.desk.texts import LANGUAGES, MODULES, language_of

KEYS = Counter(key for module in MODULES for key in module.TEXTS)


def _fields(text: str) -> set[str | None]:
    return {field for _, field, _, _ in Formatter().parse(text) if field}


def test_a_key_is_in_one_module() -> None:
    assert [key for key, count in KEYS.items() if count > 1] == []


def test_every_text_has_the_same_values_in_each_language() -> None:
    english, indonesian = LANGUAGES["en"], LANGUAGES["id"]

    assert [key for key in KEYS if _fields(english[key]) != _fields(indonesian[key])] == []
    assert [key for key in KEYS if not english[key] or not indonesian[key]] == []


def test_every_text_that_a_template_names_exists() -> None:
    folder = files("kasir.desk") / "templates"
    named = {
        key
        for file in folder.iterdir()
        for key in re.findall(r"visit\.text\([\"'](\w+)[\"'](?! ?~)", file.read_text("utf-8"))
    }

    assert named - KEYS.keys() == set()


@pytest.mark.parametrize(
    ("chosen", "accepted", "language"),
    [
        ("", "", "en"),
        ("id", "en", "id"),
        ("xx", "id-ID,en;q=0.5", "id"),
        ("", "fr, in;q=0.8", "id"),
        ("", "fr", "en"),
    ],
)
def test_the_chosen_language_is_first_then_the_browsers(
    chosen: str, accepted: str, language: str
) -> None:
    assert language_of(chosen, accepted) == language
