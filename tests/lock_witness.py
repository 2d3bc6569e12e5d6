"""Checks, in every test that opens Kasir, that each transaction takes its locks in one order.

docs/adr/0015 defines the order. A statement is identified by its text. `WAITS` lists the tables
whose locks each statement may wait for, and tests/tidy/test_locks.py fails if a statement that
locks is not listed. This check cannot see the order of locks within one statement, nor that the
transaction has locked a row already. tests/integration/store/test_lock_order.py tests these cases.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Final

import aiosql
import pytest

from kasir.store.database import queries
from kasir.store.limited import LimitedConnection

__all__ = ["_locks_in_order", "lock_faults"]

#: The tables, in the order in which a transaction must lock their rows.
ORDER: Final = (
    "shopper",
    "shop_request",
    "payment",
    "psp_reference",
    "token",
    "subscription",
    "question",
    "payment_link",
    "notice",
    "relay",
    "relay_queue",
    "pace",
)

#: The tables whose locks a statement may wait for, by the statement's file and name.
WAITS: Final = {
    "tokens.watch": ("shopper",),
    "tokens.count_comparison": ("shopper",),
    "questions.claim_shop_key": ("shop_request",),
    "payments.open_payment_once": ("shop_request",),
    "subscriptions.drop_unopened": ("shop_request",),
    "payments.lock_payments": ("payment",),
    "subscriptions.lock_unsent": ("payment",),
    "due.close_attempts_of": ("payment",),
    "due.put_off_closing": ("payment",),
    "payments.write_changes": ("psp_reference",),
    "payments.record_first": ("payment", "psp_reference", "subscription", "question", "notice"),
    "tokens.claim": ("token",),
    "subscriptions.lock_subscriptions": ("subscription",),
    "subscriptions.schedule": ("subscription",),
    "questions.open_question": ("question",),
    "questions.take_over": ("question",),
    "charges.lock_unasked": ("question",),
    "questions.release": ("question",),
    "questions.keep_answer": ("question",),
    "due.give_up_asking": ("question",),
    "links.open_link": ("payment_link",),
    "links.is_withdrawn": ("payment_link",),
    "links.expire_links": ("payment_link",),
    "inbox.keep_notices": ("notice",),
    "inbox.replay": ("notice",),
    "inbox.mark_unread": ("notice",),
    "relay.skip": ("notice", "relay"),
    "relay.accept": ("relay", "relay_queue"),
    "relay.drop_waiting": ("relay", "relay_queue"),
    "relay.relay_again": ("relay", "relay_queue"),
    "subscriptions.pace": ("pace",),
}
_NEW: Final = "writes rows that no other transaction can write"
_HELD: Final = "writes rows that the transaction has locked, or that belong to such a row"
_SKIPS: Final = "skips locked rows"
_ALONE: Final = "runs in its own transaction and locks one row"
_BY_ID: Final = "runs in its own transaction and locks rows in the order of their ids"
_LEAF: Final = "takes the advisory lock of `event`, which is allowed at any time: docs/adr/0015"
#: Statements that lock rows and never wait for another transaction, and the reason.
NEVER_WAITS: Final = {
    **{
        f"cases.{name}": "writes cases in the order of their keys, after all other locks"
        for name in ("open_cases", "close_disproved", "close_replaced")
    },
    "cases.close_by_hand": _ALONE,
    **{
        f"reports.{name}": _ALONE
        for name in (
            *("add", "add_part", "clear_parts", "fetch_failed", "postpone", "read_as"),
            *("reconciled", "reject", "stored"),
        )
    },
    "reports.announce": _NEW,
    "reports.due": _SKIPS,
    "payouts.add_rows": "writes rows of a report that one job at a time reconciles",
    "payouts.search_due": _ALONE,
    "today.sum_paid_day": _ALONE,
    "payouts.searched": _ALONE,
    "payouts.write_fees": _BY_ID,
    "payouts.write_payouts": _BY_ID,
    "accounts.add": "runs after the advisory lock of the control table, which it alone takes",
    "accounts.change": _ALONE,
    "accounts.disable": _ALONE,
    "accounts.set_tables": _ALONE,
    "api_keys.add_api_key": _ALONE,
    "api_keys.remove_api_key": _ALONE,
    "audit.begin_act": _NEW,
    "audit.end_act": _ALONE,
    "askers.abandon": _ALONE,
    "askers.hold": _ALONE,
    **{
        f"cleaning.{name}": _SKIPS
        for name in ("log", "statistics", "failed_jobs", "notices", "events", "relay_tries")
    },
    "charges.open_charges": _NEW,
    "charges.withdraw": _HELD,
    "due.due_questions": _SKIPS,
    "due.due_closings": _SKIPS,
    "due.due_events": _SKIPS,
    "due.due_held_back": _SKIPS,
    "due.close_free_attempts_of": _SKIPS,
    "events.add_events": _LEAF,
    "events.wait_for_event_writers": _LEAF,
    "events.pause": _ALONE,
    "events.put_back": _ALONE,
    "events.resend": _BY_ID,
    "events.resend_ids": _BY_ID,
    "events.resume": _ALONE,
    "events.resend_given_up": _SKIPS,
    "events.tried": _ALONE,
    "inbox.take_unread": _SKIPS,
    "inbox.take_some": _SKIPS,
    "inbox.recheck_unclaimed": _SKIPS,
    "inbox.settle": _HELD,
    "jobs.lock_failed": _BY_ID,
    "jobs.retry": _SKIPS,
    "links.clear_links": _SKIPS,
    "links.open_links": _NEW,
    "links.seal_links": _HELD,
    "payments.open_payment": _NEW,
    "inbox.queue_for_relay": _NEW,
    "relay.fail": _ALONE,
    "relay.first": _ALONE,
    "relay.release": _ALONE,
    "relay.take": _SKIPS,
    **{
        f"people.{name}": _ALONE
        for name in (
            *("add_person", "set_role", "remove_role", "set_active", "set_password"),
            *("propose_totp", "confirm_totp", "remove_totp", "use_totp_step"),
            *("begin_session", "touch_session", "switch_account", "end_session"),
            *("guess", "uncount_guess", "forget_guesses"),
        )
    },
    "payment_views.save_payment_view": _ALONE,
    "payment_views.remove_payment_view": _ALONE,
    "people.end_sessions": "deletes sessions of a person whose row the transaction has locked",
    "people.end_old_sessions": _SKIPS,
    "people.forget_old_guesses": _SKIPS,
    "questions.assignable_answers": _SKIPS,
    "questions.assign_answers": _HELD,
    "subscriptions.add_plan": _NEW,
    "subscriptions.add_subscription": _NEW,
    "subscriptions.add_changes": _HELD,
    "subscriptions.adopt_from_links": _HELD,
    "subscriptions.adopt_sign_ups": _HELD,
    "subscriptions.handle_losses": _HELD,
    "subscriptions.mark_overpaid": _HELD,
    "subscriptions.write_turns": _HELD,
    "subscriptions.due": _SKIPS,
    "subscriptions.take": _HELD,
    "subscriptions.give_out": _HELD,
    "webhook_keys.ask": _NEW,
    **{
        f"webhook_keys.{name}": "only `kasir setup` writes these rows"
        for name in ("withdraw", "keep", "forget", "note_check_value")
    },
    "tokens.due_shoppers": _SKIPS,
    "tokens.write_changes": _HELD,
}
#: Statements that are not checked in a subscription's turn. If the turn withdraws a charge, it has
#: already locked the charge's payment, which has no pspReference to claim. docs/adr/0015 allows
#: the turn to lock the key of an unopened payment out of order.
_IN_A_TURN: Final = {
    "payments.lock_payments",
    "payments.write_changes",
    "subscriptions.drop_unopened",
}
#: The beginning of a statement on the tables of an account of the database.
_SCHEMA: Final = re.compile(r"\A/\* \w+ \*/ ")
FILES: Final = sorted(
    Path(file.name).stem for file in (resources.files("kasir.store") / "queries").iterdir()
)


def statements() -> dict[str, str]:
    """Every statement of `queries/*.sql`: its file and name (`inbox.settle`), by its text."""
    names: dict[str, str] = {}
    for file in FILES:
        file_queries: aiosql.queries.Queries = queries(file)
        for name in file_queries.available_queries:
            sql = getattr(getattr(file_queries, name), "sql", None)
            # aiosql adds a variant `..._cursor` of a query, with the same text.
            if sql and not name.endswith("_cursor"):
                names[sql.strip()] = f"{file}.{name}"
    return names


@dataclass
class Watch:
    """Watches the transactions of one connection for locks that are taken out of order.

    Attributes:
        known: The result of `statements`.
        faults: The list to which faults are added.
        is_open: Whether a transaction is open.
        statements: The checked statements of the open transaction.
    """

    known: dict[str, str]
    faults: list[str]
    is_open: bool = False
    statements: list[str] = field(default_factory=list)

    def record(self, record: Any) -> None:
        """Record a statement that was executed."""
        text = _SCHEMA.sub("", record.query).strip()
        # With the semicolon, because "ROLLBACK TO" a savepoint does not end the transaction.
        if text.startswith(("BEGIN", "COMMIT", "ROLLBACK;")):
            self.is_open = text.startswith("BEGIN")
            self.statements.clear()
        elif self.is_open and (name := self.known.get(text)):
            self._check(name)

    def _check(self, name: str) -> None:
        """Check a statement against those that the transaction executed before."""
        locked = [table for earlier in self.statements for table in WAITS.get(earlier, ())]
        is_turn = "subscriptions.lock_unsent" in self.statements
        if not (is_turn and name in _IN_A_TURN):
            last_index = max((ORDER.index(table) for table in locked), default=0)
            too_late = [table for table in WAITS.get(name, ()) if ORDER.index(table) < last_index]
            if too_late:
                self.faults.append(f"{name} waits for {too_late} after {self.statements}")
            self.statements.append(name)


@pytest.fixture(scope="session", autouse=True)
def lock_faults() -> Iterator[list[str]]:
    """Watch every connection that Kasir opens in this process; yields the list of faults."""
    known, faults, original_init = statements(), list[str](), LimitedConnection.__init__

    def watched_init(connection: LimitedConnection, *args: Any, **more: Any) -> None:
        original_init(connection, *args, **more)
        connection.add_query_logger(Watch(known, faults).record)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LimitedConnection, "__init__", watched_init)
        yield faults


@pytest.fixture(autouse=True)
def _locks_in_order(lock_faults: list[str]) -> Iterator[None]:
    """Fail if a transaction held a lock while it waited for one that is earlier in the order."""
    yield
    faults_of_test = lock_faults[:]
    lock_faults.clear()

    assert faults_of_test == [], "\n".join(faults_of_test)
