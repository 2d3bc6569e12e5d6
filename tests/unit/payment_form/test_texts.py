"""The texts in both languages, and the choice of the language."""

from __future__ import annotations

from string import Formatter

import pytest

from kasir.payment_form.status_views import DisplayStatus
from kasir.payment_form.texts import ENGLISH, INDONESIAN, Texts, language_of


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "id"),
        ("id-ID,id;q=0.9,en-US;q=0.8,en;q=0.7", "id"),
        ("en-GB,en;q=0.9,id;q=0.5", "en"),
        ("fr-FR,fr;q=0.9,en;q=0.5,id;q=0.4", "en"),
        ("in-ID", "id"),  # The old code of Indonesian.
        ("EN", "en"),
        ("jv,su;q=0.9", "id"),  # Javanese and Sundanese.
        ("en;q=0,id;q=0.1", "id"),
        ("en;q=x,;;;,q=", "id"),
        ("*", "id"),
    ],
)
def test_the_browsers_language_is_used_and_indonesian_is_the_default(
    header: str, language: str
) -> None:
    assert language_of(header) == language


def test_the_language_picked_on_a_page_precedes_the_browsers() -> None:
    assert language_of("id", "en") == "en"
    assert language_of("id", "<script>") == "id"


@pytest.mark.parametrize(
    ("locale", "language"),
    [
        ("en-US", "en"),
        ("en_GB", "en"),
        ("EN", "en"),
        ("in-ID", "id"),
        ("zh-CN", "id"),
        ("", "id"),
        ("-", "id"),
    ],
)
def test_the_shops_locale_precedes_the_browsers_and_follows_the_picked_language(
    locale: str, language: str
) -> None:
    assert language_of("id-ID,en;q=0.5", locale=locale) == language
    assert language_of("id-ID", "id", locale) == "id"


@pytest.mark.parametrize("texts", [INDONESIAN, ENGLISH])
def test_each_language_has_names_for_twelve_months(texts: Texts) -> None:
    assert len(texts["months"].split()) == 12


def test_both_languages_have_the_same_texts_with_the_same_values() -> None:
    assert _values(INDONESIAN) == _values(ENGLISH)


@pytest.mark.parametrize("status", DisplayStatus)
@pytest.mark.parametrize("texts", [INDONESIAN, ENGLISH])
def test_every_displayed_status_has_a_title_and_a_sentence(
    status: DisplayStatus, texts: Texts
) -> None:
    assert {f"{status}_title", f"{status}_text"} <= texts.keys()


def _values(texts: Texts) -> dict[str, set[str]]:
    """The names of the values in each text, by the text's key."""
    return {
        key: {name for _, name, _, _ in Formatter().parse(text) if name}
        for key, text in texts.items()
    }
