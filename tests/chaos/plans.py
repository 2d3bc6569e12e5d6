"""Plans of orders, drawn from seeds, and the list of faults.

The twin draws its faults from the fault's seed and the payment's reference, not from the order of
arrival. The references here contain the test's seed. So one list of faults gives every seed its own
faults, which do not depend on the other seeds that run at the same time.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

ORDERS: Final = 20
AMOUNT: Final = 25_000

#: The shopper's action in each attempt at an order, by the order's number. "leave": the shopper
#: leaves the page. "withdraw": the shop cancels while the shopper approves.
DECISIONS: Final = (
    *(("approve",),) * 5,
    *(("approve_without_return",),) * 3,
    ("refuse",),
    ("cancel",),
    ("expire",),
    ("leave",),
    ("withdraw",),
    ("refuse", "approve"),
    ("cancel", "approve_without_return"),
    ("leave", "approve"),
    ("expire", "refuse"),
    ("approve", "approve"),
    ("leave", "leave"),
    ("refuse", "leave"),
)
#: A change of a paid payment: the call, and the amount (0: the call has no amount).
Change = tuple[str, int]
#: The changes that a shop may request for one payment.
CHANGES: Final[tuple[tuple[Change, ...], ...]] = (
    (),
    (),
    (),
    (("refunds", AMOUNT),),
    (("refunds", 10_000), ("refunds", 10_000)),
    (("refunds", 5_000), ("refunds", 5_000), ("refunds", 15_000)),
    (("refunds", 20_000), ("refunds", 20_000)),
    (("reversals", 0),),
    (("refunds", 10_000), ("reversals", 0)),
    (("cancels", 0),),
)
#: The changes that a shop may request for one payment that it captures with a separate call.
CAPTURES: Final[tuple[tuple[Change, ...], ...]] = (
    (),
    (("captures", AMOUNT),),
    (("captures", 10_000), ("captures", AMOUNT)),
    (("captures", AMOUNT), ("cancels", 0)),
    (("captures", AMOUNT), ("reversals", 0)),
    (("cancels", 0),),
    (("reversals", 0),),
)
CALLS: Final = ("payments", "details", "refunds", "cancels", "reversals", "captures")
#: The delays of notifications in seconds: shorter and longer than each of Kasir's own delays.
LATE_S: Final = (1, 5, 60, 300, 700, 2_000, 4_500)


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of one order.

    Attributes:
        reference: The order's reference, which contains the seed.
        decisions: The shopper's action in each attempt; each attempt is one payment.
        returns: How often the shopper's browser returns a result.
        changes: The changes that the shop requests after the order is paid.
        retries: Whether the shop retries a call without an answer at once. Otherwise Kasir retries.
    """

    reference: str
    decisions: tuple[str, ...]
    returns: int
    changes: tuple[Change, ...]
    retries: bool


def plan(
    seed: int, number: int, changes: Sequence[tuple[Change, ...]] = CHANGES, name: str = "seed"
) -> Plan:
    """The plan of one order of a seed; the reference of the order starts with `name`."""
    chance = random.Random(f"{seed}/{number}")
    decisions = DECISIONS[number % len(DECISIONS)]
    return Plan(
        reference=f"{name}-{seed}-{number}",
        decisions=decisions,
        returns=chance.choice((1, 1, 1, 2)),
        changes=chance.choice(changes) if decisions[-1].startswith("approve") else (),
        retries=chance.random() < 0.7,
    )


def faults() -> list[dict[str, Any]]:
    """All faults, each with its probability and its own seed."""
    without_seeds = [*_of_notices(), *_of_calls(), *_of_outcomes()]
    return [{**fault, "seed": number} for number, fault in enumerate(without_seeds)]


def _of_notices() -> Iterator[Mapping[str, Any]]:
    """Faults of notifications: repeated, late, out of order, or signed with the previous key."""
    yield {"fault": "duplicate_notice", "probability": 0.3}
    yield {"fault": "duplicate_notice", "probability": 0.1, "copies": 3}
    yield {"fault": "previous_key", "probability": 0.2}
    for seconds in LATE_S:
        yield {"fault": "delay_notice", "probability": 0.07, "seconds": seconds}
        yield {"fault": "reorder_notice", "probability": 0.1, "seconds": seconds}


def _of_calls() -> Iterator[Mapping[str, Any]]:
    """Faults of calls: no answer, an error, or a notification before the answer."""
    for call in CALLS:
        yield {"fault": "notice_before_reply", "call": call, "probability": 0.3}
        for name in ("lose_reply_before", "lose_reply_after"):
            yield {"fault": name, "call": call, "probability": 0.05}
        for name, after in product(
            ("error_500", "error_503", "conflict_409", "conflict_422"), (False, True)
        ):
            yield {"fault": name, "call": call, "after": after, "probability": 0.03}


def _of_outcomes() -> Iterator[Mapping[str, Any]]:
    """Faults of results: Adyen reports one result of a payment or refund, and later another."""
    for name, seconds, same in product(
        ("false_then_true", "true_then_false"), (0, 60, 700, 2_000), (False, True)
    ):
        fault = {"fault": name, "seconds": seconds, "samePspReference": same}
        yield {**fault, "probability": 0.03}
    for seconds in (5, 700):
        yield {"fault": "offer_closed_after_paid", "seconds": seconds, "probability": 0.1}
    for code in ("Pending", "Received"):
        yield {"fault": "details_say", "resultCode": code, "probability": 0.1}
    yield {"fault": "capture_fails_later", "seconds": 700, "probability": 0.03}
    yield {"fault": "refund_refused", "probability": 0.1}
    for code, seconds in product(("REFUND_FAILED", "REFUNDED_REVERSED"), (1, 60, 700, 4_500)):
        fault = {"fault": "refund_fails_later", "eventCode": code, "seconds": seconds}
        yield {**fault, "probability": 0.05}
