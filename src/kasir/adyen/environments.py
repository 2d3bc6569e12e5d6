"""The addresses of Adyen's test and live platforms, and of the twin on this machine.

The live addresses of the APIs begin with the merchant's prefix. The live address of Checkout also
has one more path segment, `/checkout`, which is often forgotten when a shop goes live. The
Management API has one address for all merchants, without a prefix. Source: the `servers` of Adyen's
OpenAPI files, and the code of Adyen's Python library.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Environment(StrEnum):
    """The Adyen platform that Kasir calls, or the twin."""

    #: Adyen's test platform.
    TEST = "test"
    #: Adyen's live platform: real money.
    LIVE = "live"
    #: The program `adyen_twin`, on this machine.
    TWIN = "twin"


@dataclass(frozen=True, slots=True)
class Addresses:
    """The base addresses of the APIs, the logos and the reports, without a trailing slash."""

    checkout: str
    recurring: str
    management: str
    checkout_shopper: str
    #: Customer Area, which has the reports. Source: the `reason` of REPORT_AVAILABLE.
    reports: str

    def logo(self, method: str) -> str:
        """The address of a payment method's logo (SVG).

        Source: Adyen's pages on building a payment form, which give
        `{checkout_shopper}/checkoutshopper/images/logos/{type}.svg`.
        """
        return f"{self.checkout_shopper}/checkoutshopper/images/logos/{method}.svg"


def addresses(environment: Environment, *, live_prefix: str = "", twin_url: str = "") -> Addresses:
    """The addresses of an environment.

    Args:
        environment: The environment.
        live_prefix: The merchant's prefix (Customer Area, Developers, API URLs); live only.
        twin_url: The twin's address, without a trailing slash; twin only.
    """
    match environment:
        case Environment.TEST:
            return Addresses(
                checkout="https://checkout-test.adyen.com",
                recurring="https://pal-test.adyen.com/pal/servlet/Recurring",
                management="https://management-test.adyen.com",
                checkout_shopper="https://checkoutshopper-test.adyen.com",
                reports="https://ca-test.adyen.com",
            )
        case Environment.LIVE:
            return Addresses(
                checkout=f"https://{live_prefix}-checkout-live.adyenpayments.com/checkout",
                recurring=f"https://{live_prefix}-pal-live.adyenpayments.com/pal/servlet/Recurring",
                management="https://management-live.adyen.com",
                checkout_shopper="https://checkoutshopper-live.adyen.com",
                reports="https://ca-live.adyen.com",
            )
        case Environment.TWIN:
            return Addresses(
                checkout=twin_url,
                recurring=f"{twin_url}/pal/servlet/Recurring",
                management=twin_url,
                checkout_shopper=twin_url,
                reports=twin_url,
            )
