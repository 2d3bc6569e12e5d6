"""What is said of an address that is not there: most often it is one of another version."""

from __future__ import annotations

from typing import Final

from kasir.adyen.calls import RECURRING_VERSION, VERSIONS

#: What an address of Checkout goes on with, below its version.
_CHECKOUT: Final = frozenset(
    {"paymentMethods", "payments", "paymentLinks", "cancels", "storedPaymentMethods"}
)
_CLASSIC: Final = ["pal", "servlet", "Recurring"]
_LIST: Final = "/api/openapi.json lists what there is"


def no_such(path: str) -> str:
    """The sentence for an address that Kasir does not have, with the nearest that it has."""
    return f"There is no {path} here: {_instead(path.strip('/').split('/'))}."


def _instead(parts: list[str]) -> str:
    if parts[:3] == _CLASSIC:
        return f"Kasir answers Recurring as /v{RECURRING_VERSION}"
    first, *below = parts
    has_version = first[:1] == "v" and first[1:2].isdigit()
    called = below[:1] if has_version else [first]
    is_ours = first in {f"v{version}" for version in VERSIONS}
    if _CHECKOUT.issuperset(called) and not is_ours:
        return f"Kasir answers Checkout as {' and '.join(f'/v{one}' for one in VERSIONS)}"
    return _LIST
