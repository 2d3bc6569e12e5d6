"""The language of the GoPay pages, and how they write an amount."""

from __future__ import annotations

import pytest

from adyen_twin.gopay import texts


@pytest.mark.parametrize(
    ("accept_language", "language"),
    [
        ("", "id"),
        ("id-ID,id;q=0.9,en;q=0.8", "id"),
        ("en-GB,en;q=0.9,id;q=0.5", "en"),
        ("nl,en;q=0.4", "en"),
        ("nl", "id"),
        ("in", "id"),
        ("en;q=rubbish", "id"),
    ],
)
def test_the_page_is_in_the_browsers_language(accept_language: str, language: str) -> None:
    assert texts.texts_for(accept_language)["lang"] == language


def test_both_languages_have_the_same_texts() -> None:
    assert texts.INDONESIAN.keys() == texts.ENGLISH.keys()


def test_rupiah_are_written_with_points() -> None:
    assert [texts.rupiah(value) for value in (1, 25000, 20_000_000)] == [
        "Rp1",
        "Rp25.000",
        "Rp20.000.000",
    ]
