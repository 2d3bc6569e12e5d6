"""The fixture `kasir`: each file of tests has its own database."""

from __future__ import annotations

from integration.store.conftest import kasir

__all__ = ["kasir"]
