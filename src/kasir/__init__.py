"""Kasir takes GoPay through Adyen. The library's door is `Kasir.open()`."""

from typing import TYPE_CHECKING, Any

from kasir.errors import KasirError
from kasir.money import IDR, Money

if TYPE_CHECKING:
    from kasir.wiring import Kasir

__all__ = ["IDR", "Kasir", "KasirError", "Money"]


def __getattr__(name: str) -> Any:
    # Kasir pulls in the whole house; whoever wants a value or an error only, waits for nothing.
    if name == "Kasir":
        from kasir.wiring import Kasir

        return Kasir
    raise AttributeError(name)
