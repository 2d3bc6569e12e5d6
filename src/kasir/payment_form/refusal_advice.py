"""Advice to a shopper after a refusal, for the two reasons that the shopper can act on.

Adyen asks shops not to show refusal reasons, because most of them help only fraudsters. These two
are about the shopper's own money, and without the advice the shopper would retry without success.
"""

from __future__ import annotations

import re
from typing import Final

from kasir.payments.facts import Says
from kasir.payments.payment import Payment

#: Adyen's refusal reasons 12 and 28, and its error 137, with the key of the advice. The reasons are
#: reduced to their letters, because replies and notifications spell them differently.
_ADVICE: Final = {
    "notenoughbalance": "balance",
    "withdrawalamountexceeded": "limit",
    "invalidamountspecified": "limit",
}
#: The facts whose words contain a reason.
_ADVISED: Final = frozenset({Says.REFUSED, Says.FAILED})


def advice_of(payment: Payment) -> str:
    """Return the key of the advice: `balance`, `limit`, or empty for another reason."""
    for fact in payment.facts:
        letters = re.sub(r"[^a-z]", "", fact.words.lower())
        for reason, advice in _ADVICE.items():
            if fact.says in _ADVISED and reason in letters:
                return advice
    return ""
