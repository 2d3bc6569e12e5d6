"""The names that the package `kasir` offers, and what its import costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import kasir


def test_a_name_that_the_package_does_not_offer_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Kassir"):
        _ = getattr(kasir, "Kassir")  # noqa: B009  # A type checker refuses the attribute.


def test_every_name_that_the_package_lists_exists() -> None:
    assert [name for name in kasir.__all__ if not hasattr(kasir, name)] == []


def test_every_error_that_a_shop_may_catch_is_offered() -> None:
    offered = {name for name in kasir.__all__ if name in vars(kasir.errors)}
    not_for_shops = {"NotAuthentic", "Unreadable"}
    errors = {
        name
        for name, value in vars(kasir.errors).items()
        if isinstance(value, type) and issubclass(value, kasir.KasirError)
    }

    assert errors - offered == not_for_shops


def test_the_import_needs_the_standard_library_only() -> None:
    program = (
        "import sys; before = set(sys.modules); import kasir; print(*set(sys.modules) - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    roots = {name.partition(".")[0] for name in done.stdout.split() if not name.startswith("_")}

    assert "kasir" in roots
    assert roots - set(sys.stdlib_module_names) == {"kasir"}
    assert "asyncio" not in roots
