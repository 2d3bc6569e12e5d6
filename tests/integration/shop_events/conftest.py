"""A merchant account whose shop is told things, on a database of each file's own."""

from __future__ import annotations

from integration.store.conftest import kasir

__all__ = ["kasir"]
