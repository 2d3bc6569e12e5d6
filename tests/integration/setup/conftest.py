"""Fixtures of `kasir setup`."""

from setup_shop import _served, shop

__all__ = ["_served", "shop"]
