"""The fixtures of these tests."""

from __future__ import annotations

from integration.reconciliation.reconciliation_setup import reconciler

__all__ = ["reconciler"]
