"""Every statement that locks rows is in the order of locks, which docs/adr/0015 documents."""

from __future__ import annotations

import re

from lock_witness import NEVER_WAITS, ORDER, WAITS, Watch, statements
from tidy.conftest import ROOT

#: A part of a statement that locks rows or takes an advisory lock.
LOCKS = re.compile(r"\b(INSERT INTO|UPDATE \w+|DELETE FROM|FOR UPDATE|FOR SHARE|pg_advisory\w+)\b")


def test_every_statement_that_locks_is_in_the_order_or_never_waits() -> None:
    locking = {name for text, name in statements().items() if LOCKS.search(text)}

    assert locking - WAITS.keys() - NEVER_WAITS.keys() == set()
    assert (WAITS.keys() | NEVER_WAITS.keys()) - locking == set()
    assert len(locking) > 50


def test_every_statement_that_skips_locked_rows_is_listed_as_never_waiting() -> None:
    skipping = {name for text, name in statements().items() if "SKIP LOCKED" in text}

    assert skipping <= NEVER_WAITS.keys()


def test_the_decision_documents_the_checked_order() -> None:
    page = (ROOT / "docs" / "adr" / "0015-one-order-of-locks.md").read_text(encoding="utf-8")

    assert tuple(re.findall(r"^\| \d+ \| `(\w+)`", page, re.MULTILINE)) == ORDER


class _LoggedQuery:
    """A fake of asyncpg's record of a query, with the only field that `Watch` uses."""

    def __init__(self, query: str) -> None:
        self.query = query


def test_a_transaction_that_waits_for_a_token_after_a_subscription_is_reported() -> None:
    texts = {name: text for text, name in statements().items()}
    faults: list[str] = []
    watch = Watch(statements(), faults)
    for text in ("BEGIN;", texts["subscriptions.schedule"], texts["tokens.claim"], "COMMIT;"):
        watch.record(_LoggedQuery(text))
    for text in ("BEGIN;", texts["tokens.claim"], texts["subscriptions.schedule"], "COMMIT;"):
        watch.record(_LoggedQuery(text))

    assert faults == ["tokens.claim waits for ['token'] after ['subscriptions.schedule']"]
