"""The error message for a path that Kasir does not serve, with a hint at one that it serves."""

from __future__ import annotations

from typing import Final

from kasir.adyen.calls import RECURRING_VERSION, VERSIONS

#: The segment after the version, in all Checkout paths.
_CHECKOUT: Final = frozenset(
    {"paymentMethods", "payments", "paymentLinks", "cancels", "storedPaymentMethods"}
)
#: How the paths of Adyen's classic Recurring API begin.
_CLASSIC: Final = ["pal", "servlet", "Recurring"]
_SEE_OPENAPI: Final = "/api/openapi.json lists what there is"


def unknown_path_message(path: str) -> str:
    """Return the message for a path that has no route, often because of its version."""
    return f"There is no {path} here: {_hint(path.strip('/').split('/'))}."


def _hint(segments: list[str]) -> str:
    if segments[:3] == _CLASSIC:
        return f"Kasir answers Recurring as /v{RECURRING_VERSION}"
    first, *rest = segments
    has_version = first[:1] == "v" and first[1:2].isdigit()
    resource = rest[:1] if has_version else [first]
    is_served_version = first in {f"v{version}" for version in VERSIONS}
    if _CHECKOUT.issuperset(resource) and not is_served_version:
        return f"Kasir answers Checkout as /v{VERSIONS[0]} to /v{VERSIONS[-1]}"
    return _SEE_OPENAPI
