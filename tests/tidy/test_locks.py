"""Every statement that locks a row has a place in the one order of locks, and the page says it."""

from __future__ import annotations

import re

from lock_witness import NEVER_WAITS, ORDER, WAITS, Watch, statements
from tidy.conftest import ROOT

LOCKS = re.compile(r"\b(INSERT INTO|UPDATE \w+|DELETE FROM|FOR UPDATE|FOR SHARE|pg_advisory\w+)\b")


def test_every_statement_that_locks_has_a_place() -> None:
    locking = {name for text, name in statements().items() if LOCKS.search(text)}

    assert locking - WAITS.keys() - NEVER_WAITS.keys() == set()
    assert (WAITS.keys() | NEVER_WAITS.keys()) - locking == set()
    assert len(locking) > 50


def test_what_skips_what_is_locked_says_so_and_waits_for_nothing() -> None:
    skipping = {name for text, name in statements().items() if "SKIP LOCKED" in text}

    assert skipping <= NEVER_WAITS.keys()


def test_the_decision_tells_the_order_that_is_kept() -> None:
    page = (ROOT / "docs" / "adr" / "0015-one-order-of-locks.md").read_text(encoding="utf-8")

    assert tuple(re.findall(r"^\| \d+ \| `(\w+)`", page, re.MULTILINE)) == ORDER


class _Said:
    def __init__(self, query: str) -> None:
        self.query = query


def test_a_transaction_that_waits_for_a_token_after_a_subscription_is_seen() -> None:
    texts = {name: text for text, name in statements().items()}
    faults: list[str] = []
    watch = Watch(statements(), faults)
    for text in ("BEGIN;", texts["subscriptions.schedule"], texts["tokens.claim"], "COMMIT;"):
        watch.record(_Said(text))
    for text in ("BEGIN;", texts["tokens.claim"], texts["subscriptions.schedule"], "COMMIT;"):
        watch.record(_Said(text))

    assert faults == ["tokens.claim waits for ['token'] after ['subscriptions.schedule']"]
