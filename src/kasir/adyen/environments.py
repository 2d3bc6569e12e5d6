"""Where Adyen is: test, live, or the twin on this machine.

Live has a prefix of the merchant's own and one more path segment, `/checkout`; leaving it out is a
classic go-live failure. Source: the `servers` of Adyen's OpenAPI files and the URL derivation of
Adyen's Python library.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Environment(StrEnum):
    """Which Adyen Kasir talks to."""

    #: Adyen's test platform.
    TEST = "test"
    #: Adyen's live platform: real money.
    LIVE = "live"
    #: adyen_twin, on this machine.
    TWIN = "twin"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Base addresses without a trailing slash; a version and a path follow."""

    checkout: str
    recurring: str
    shopper: str

    def logo(self, method: str) -> str:
        """Address of a payment method's logo (SVG).

        Source: Adyen's pages on building a payment form, which give
        `{shopper}/checkoutshopper/images/logos/{type}.svg`.
        """
        return f"{self.shopper}/checkoutshopper/images/logos/{method}.svg"


def addresses(environment: Environment, *, live_prefix: str = "", twin_url: str = "") -> Addresses:
    """Addresses of an environment.

    Args:
        environment: Which one.
        live_prefix: The merchant's own (Customer Area, Developers, API URLs); live only.
        twin_url: Where the twin listens, without a trailing slash; twin only.
    """
    match environment:
        case Environment.TEST:
            return Addresses(
                checkout="https://checkout-test.adyen.com",
                recurring="https://pal-test.adyen.com/pal/servlet/Recurring",
                shopper="https://checkoutshopper-test.adyen.com",
            )
        case Environment.LIVE:
            return Addresses(
                checkout=f"https://{live_prefix}-checkout-live.adyenpayments.com/checkout",
                recurring=f"https://{live_prefix}-pal-live.adyenpayments.com/pal/servlet/Recurring",
                shopper="https://checkoutshopper-live.adyen.com",
            )
        case Environment.TWIN:
            return Addresses(
                checkout=twin_url,
                recurring=f"{twin_url}/pal/servlet/Recurring",
                shopper=twin_url,
            )
