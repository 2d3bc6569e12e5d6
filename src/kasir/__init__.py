"""Kasir takes GoPay through Adyen. As a library: `async with Kasir.open() as kasir`."""

from typing import TYPE_CHECKING, Any

from kasir.errors import KasirError
from kasir.money import IDR, Money

if TYPE_CHECKING:
    from kasir.python_api import Kasir

__all__ = ["IDR", "Kasir", "KasirError", "Money"]


def __getattr__(name: str) -> Any:
    # Imported on first use, because `python_api` imports all of Kasir.
    if name == "Kasir":
        from kasir.python_api import Kasir

        return Kasir
    raise AttributeError(name)
