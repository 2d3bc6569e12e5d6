"""A twin, and the settings of a Kasir that calls it."""

from __future__ import annotations

from twin_fixtures import twin

__all__ = ["twin"]
