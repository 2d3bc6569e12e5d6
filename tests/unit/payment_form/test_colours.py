"""Every colour of a shop is readable in both themes, by the contrast that WCAG AA requires."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kasir.payment_form.colours import (
    BLACK,
    CONTRAST_MIN,
    DARK,
    LIGHT,
    WHITE,
    Rgb,
    Theme,
    contrast,
    shades,
    style_sheet,
)

COLOURS = st.tuples(*[st.integers(0, 255)] * 3)
CSS = (files("kasir.payment_form") / "static" / "form.css").read_text(encoding="utf-8")


def variables(theme: Theme) -> dict[str, Rgb]:
    """The colours of a theme in form.css, by name."""
    light, dark = re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)[:2]
    found = re.findall(
        r"--([a-z-]+): #([0-9a-f]{6}|[0-9a-f]{3});", dark if theme is DARK else light
    )
    return {name: rgb(digits) for name, digits in found}


def rgb(digits: str) -> Rgb:
    full = digits if len(digits) == 6 else "".join(digit * 2 for digit in digits)
    red, green, blue = bytes.fromhex(full)
    return red, green, blue


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [(BLACK, WHITE, 21.0), (WHITE, WHITE, 1.0), ((0x76, 0x76, 0x76), WHITE, 4.54)],
)
def test_the_contrast_is_that_of_wcag(one: Rgb, other: Rgb, ratio: float) -> None:
    assert contrast(one, other) == contrast(other, one) == pytest.approx(ratio, abs=0.005)


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_the_backgrounds_are_those_of_the_style_sheet(theme: Theme) -> None:
    found = variables(theme)

    assert (found["ground"], found["paper"]) == (theme.page, theme.card)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@given(COLOURS)
@example((0xFF, 0xD4, 0x00))
@example((0x77, 0x77, 0x77))
@example(BLACK)
@example(WHITE)
def test_every_text_is_readable_in_every_colour(theme: Theme, colour: Rgb) -> None:
    found, fixed = shades(colour, theme), variables(theme)
    pairs = {
        "accent on page": (found.accent, theme.page),
        "accent on card": (found.accent, theme.card),
        "accent on tint": (found.accent, found.tint),
        "button": (found.on_brand, found.brand),
        "pressed button": (found.on_brand, found.brand_deep),
        "text on tint": (fixed["ink"], found.tint),
        "small text on tint": (fixed["soft"], found.tint),
    }
    low = {name for name, pair in pairs.items() if contrast(*pair) < CONTRAST_MIN}

    assert low == set()


def test_a_readable_colour_is_used_as_it_is() -> None:
    assert shades((0x0B, 0x6B, 0x5D), LIGHT).accent == (0x0B, 0x6B, 0x5D)
    assert shades((0xFF, 0xD4, 0x00), LIGHT).brand == (0xFF, 0xD4, 0x00)


def test_the_style_sheet_replaces_only_variables_that_the_form_has() -> None:
    names = set(re.findall(r"--([a-z-]+):", style_sheet("aa3300")))

    assert names
    assert all(f"var(--{name})" in CSS for name in names)
