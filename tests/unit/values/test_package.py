"""The names that the package `kasir` offers."""

from __future__ import annotations

import pytest

import kasir


def test_a_name_that_the_package_does_not_offer_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Kassir"):
        _ = getattr(kasir, "Kassir")  # noqa: B009  # A type checker refuses the attribute.
