"""The roles of an API credential, as GET /me of the Management API lists them."""

from __future__ import annotations

from typing import Final

CHECKOUT: Final = "Checkout webservice role"
RECURRING: Final = "Merchant Recurring role"

ACCOUNT_READ: Final = "Management API—Account read"
WEBHOOKS_READ: Final = "Management API—Webhooks read"
WEBHOOKS_WRITE: Final = "Management API—Webhooks read and write"
METHODS_READ: Final = "Management API—Payment methods read"
METHODS_WRITE: Final = "Management API—Payment methods read and write"

#: The roles of the twin's credential, unless the knob `roles` has others.
DEFAULT: Final = (CHECKOUT, RECURRING, ACCOUNT_READ, WEBHOOKS_WRITE, METHODS_READ)
#: The roles of the Management API; GET /me needs any of them.
MANAGEMENT: Final = (ACCOUNT_READ, WEBHOOKS_READ, WEBHOOKS_WRITE, METHODS_READ, METHODS_WRITE)
