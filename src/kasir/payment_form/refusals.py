"""What a shopper can do about a wallet that said no, where Adyen's reason lets one tell.

Adyen wants reasons kept from shoppers, since most of them help only whoever tries what is not
theirs. These two are about the shopper's own money, and without them they would try again in vain.
"""

from __future__ import annotations

import re
from typing import Final

from kasir.payments.facts import Says
from kasir.payments.payment import Payment

#: Adyen's refusal reasons 12 and 28, and its error 137, spelled as their letters alone: answers and
#: notifications write them differently.
_ADVICE: Final = {
    "notenoughbalance": "balance",
    "withdrawalamountexceeded": "limit",
    "invalidamountspecified": "limit",
}
_TOLD: Final = frozenset({Says.REFUSED, Says.FAILED})


def advice_of(payment: Payment) -> str:
    """What to say of it: `balance`, `limit`, or nothing where the reason is another."""
    for fact in payment.facts:
        letters = re.sub(r"[^a-z]", "", fact.words.lower())
        for reason, advice in _ADVICE.items():
            if fact.says in _TOLD and reason in letters:
                return advice
    return ""
