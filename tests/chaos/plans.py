"""What befalls payments, drawn from seeds: how they are paid, how they are told, what goes wrong.

The twin draws its faults from a fault's seed and from the reference of what is struck, not from the
order of arrival. A reference here carries the seed that a test is run with, so one list of faults
gives every seed faults of its own, and the same ones however many seeds run at once.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

PAYMENTS: Final = 20
AMOUNT: Final = 25_000

#: What the shopper does, by the payment's number; "leave" goes away, "withdraw" is the shop's.
DEEDS: Final = (
    *("approve",) * 7,
    *("approve_without_return",) * 4,
    *("refuse", "cancel", "expire") * 2,
    *("leave", "leave", "withdraw"),
)
#: What the shop then gives back, in parts.
REFUNDS: Final = (
    (),
    (),
    (),
    (AMOUNT,),
    (10_000, 10_000),
    (5_000, 5_000, 15_000),
    (20_000, 20_000),
)
CALLS: Final = ("payments", "details", "refunds", "cancels")
#: How late news may come: before and after each of Kasir's own waits.
LATE_S: Final = (1, 5, 60, 300, 700, 2_000, 4_500)


@dataclass(frozen=True, slots=True)
class Plan:
    """One payment's fate.

    Attributes:
        reference: Its name; carries the seed.
        deed: What the shopper does at the wallet.
        returns: How often the shopper's browser brings the result back.
        refunds: What the shop gives back once it is paid.
        insists: Whether the shop asks again at once after no answer, or leaves it to Kasir.
    """

    reference: str
    deed: str
    returns: int
    refunds: tuple[int, ...]
    insists: bool


def plan(seed: int, number: int) -> Plan:
    """The fate of one payment of a seed."""
    chance = random.Random(f"{seed}/{number}")
    deed = DEEDS[number % len(DEEDS)]
    return Plan(
        reference=f"seed-{seed}-{number}",
        deed=deed,
        returns=chance.choice((1, 1, 1, 2)),
        refunds=chance.choice(REFUNDS) if deed.startswith("approve") else (),
        insists=chance.random() < 0.7,
    )


def faults() -> list[dict[str, Any]]:
    """Everything that may go wrong, each with its probability; no two share their chance."""
    every = [*_of_notices(), *_of_calls(), *_of_outcomes()]
    return [{**fault, "seed": number} for number, fault in enumerate(every)]


def _of_notices() -> Iterator[Mapping[str, Any]]:
    """A notification may come twice or more, late, after others, or under the older key."""
    yield {"fault": "duplicate_notice", "probability": 0.3}
    yield {"fault": "duplicate_notice", "probability": 0.1, "copies": 3}
    yield {"fault": "previous_key", "probability": 0.2}
    for seconds in LATE_S:
        yield {"fault": "delay_notice", "probability": 0.07, "seconds": seconds}
        yield {"fault": "reorder_notice", "probability": 0.1, "seconds": seconds}


def _of_calls() -> Iterator[Mapping[str, Any]]:
    """A call may be broken off, refused for now, or overtaken by what it gives rise to."""
    for call in CALLS:
        yield {"fault": "notice_before_reply", "call": call, "probability": 0.3}
        for name in ("lose_reply_before", "lose_reply_after"):
            yield {"fault": name, "call": call, "probability": 0.05}
        for name, after in product(
            ("error_500", "error_503", "conflict_409", "conflict_422"), (False, True)
        ):
            yield {"fault": name, "call": call, "after": after, "probability": 0.03}


def _of_outcomes() -> Iterator[Mapping[str, Any]]:
    """Adyen may say one thing and then another, of a payment and of its refunds."""
    for name, seconds, same in product(
        ("false_then_true", "true_then_false"), (0, 60, 700, 2_000), (False, True)
    ):
        fault = {"fault": name, "seconds": seconds, "samePspReference": same}
        yield {**fault, "probability": 0.03}
    for seconds in (5, 700):
        yield {"fault": "offer_closed_after_paid", "seconds": seconds, "probability": 0.1}
    for code in ("Pending", "Received"):
        yield {"fault": "details_say", "resultCode": code, "probability": 0.1}
    yield {"fault": "refund_refused", "probability": 0.1}
    for code, seconds in product(("REFUND_FAILED", "REFUNDED_REVERSED"), (1, 60, 700, 4_500)):
        fault = {"fault": "refund_fails_later", "eventCode": code, "seconds": seconds}
        yield {**fault, "probability": 0.05}
