"""A Kasir on a database of each file's own."""

from __future__ import annotations

from integration.store.conftest import kasir

__all__ = ["kasir"]
