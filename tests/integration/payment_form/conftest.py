"""The client that calls Kasir in these tests."""

from __future__ import annotations

from raw_http import caller

__all__ = ["caller"]
