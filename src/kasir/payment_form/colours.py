"""The style sheet of a shop's accent colour, readable in the light and in the dark theme.

Buttons have the colour itself, with black or white text, whichever contrasts more: one of them
always has at least 4.5:1. Links and outlines have a shade of the colour that is mixed with black
(light theme) or white (dark theme) until it has 4.5:1 on every background, which is what WCAG 2
requires for text (success criterion 1.4.3, level AA). So no colour has to be refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

CONTRAST_MIN: Final = 4.5
_CACHED_MAX: Final = 64
_STEPS: Final = 100
#: How much of the colour a tinted background has, and of black or white a pressed button.
_TINT: Final = 0.1
_HOVER: Final = 0.15
#: Below it a colour value of sRGB is linear. Source: WCAG 2.
_LINEAR_MAX: Final = 0.04045

Rgb = tuple[int, int, int]
BLACK: Final[Rgb] = (0, 0, 0)
WHITE: Final[Rgb] = (255, 255, 255)


@dataclass(frozen=True, slots=True)
class Theme:
    """A colour scheme of form.css: what shades are mixed with, and its backgrounds.

    Attributes:
        towards: Black or white.
        page: The background of the page.
        card: The background of a card, on which buttons are.
    """

    towards: Rgb
    page: Rgb
    card: Rgb


LIGHT: Final = Theme(BLACK, (0xF4, 0xF6, 0xF6), (0xFF, 0xFF, 0xFF))
DARK: Final = Theme(WHITE, (0x0E, 0x15, 0x14), (0x17, 0x21, 0x20))


@dataclass(frozen=True, slots=True)
class Shades:
    """The colours of a theme that depend on the shop's colour."""

    accent: Rgb
    tint: Rgb
    brand: Rgb
    brand_deep: Rgb
    on_brand: Rgb


def shades(colour: Rgb, theme: Theme) -> Shades:
    """Derive the colours of a theme."""
    on_brand = max(BLACK, WHITE, key=lambda text: contrast(text, colour))
    away = WHITE if on_brand == BLACK else BLACK
    tint = _mixed(theme.card, colour, _TINT)
    return Shades(
        accent=_readable(colour, theme.towards, (theme.page, theme.card, tint)),
        tint=tint,
        brand=colour,
        brand_deep=_mixed(colour, away, _HOVER),
        on_brand=on_brand,
    )


@lru_cache(_CACHED_MAX)
def style_sheet(digits: str) -> str:
    """The style sheet of a colour, which is given as six hexadecimal digits."""
    colour = (int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16))
    light, dark = _rules(shades(colour, LIGHT)), _rules(shades(colour, DARK))
    return (
        f"@media screen {{ :root {{ {light} }} }}\n"
        f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n"
    )


def contrast(one: Rgb, other: Rgb) -> float:
    """The contrast ratio of two colours, from 1 to 21. Source: WCAG 2."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: Rgb) -> float:
    """The relative luminance of a colour. Source: WCAG 2."""
    parts = [value / 255 for value in colour]
    red, green, blue = [
        part / 12.92 if part <= _LINEAR_MAX else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _readable(colour: Rgb, towards: Rgb, backgrounds: Sequence[Rgb]) -> Rgb:
    """The shade nearest to the colour that is readable on every background."""
    candidates = (_mixed(colour, towards, step / _STEPS) for step in range(_STEPS))
    return next(
        (
            shade
            for shade in candidates
            if all(contrast(shade, behind) >= CONTRAST_MIN for behind in backgrounds)
        ),
        towards,
    )


def _mixed(colour: Rgb, other: Rgb, share: float) -> Rgb:
    """A colour with this share of another colour in it."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(colour, other, strict=True))
    return red, green, blue


def _rules(found: Shades) -> str:
    values = {
        "accent": found.accent,
        "accent-deep": found.accent,
        "wait": found.accent,
        "edge": found.accent,
        "tint": found.tint,
        "brand": found.brand,
        "brand-deep": found.brand_deep,
        "on-brand": found.on_brand,
    }
    return " ".join(f"--{name}: #{bytes(rgb).hex()};" for name, rgb in values.items())
