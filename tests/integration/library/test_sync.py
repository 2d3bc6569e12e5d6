"""The library for threads: the same calls and errors, from many threads, in one process."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from integration.library.library_shop import request, settings
from kasir import (
    InvalidRequest,
    Kasir,
    NotFound,
    NotOpen,
    OutcomeUnknown,
    PaymentId,
    PaymentStatus,
    SettingError,
    StillRunning,
    SyncKasir,
)
from opened_kasir import NOWHERE


def test_many_threads_call_one_kasir_and_the_same_key_pays_once(fresh_database: str) -> None:
    def pay(number: int) -> None:
        # Adyen is not reachable, so every payment is stored and its outcome unknown.
        with pytest.raises((OutcomeUnknown, StillRunning)):
            kasir.pay(request(reference=f"ORDER-{number % 4}"), key=f"key-{number % 4}")

    with SyncKasir.open(settings(fresh_database, NOWHERE)) as kasir:
        with ThreadPoolExecutor(8) as threads:
            assert list(threads.map(pay, range(16))) == [None] * 16
        listed = [payment for n in range(4) for payment in kasir.payments(f"ORDER-{n}")]

    assert [payment.reference for payment in listed] == [f"ORDER-{n}" for n in range(4)]
    assert [payment.status for payment in listed] == [PaymentStatus.UNKNOWN] * 4


def test_errors_have_the_classes_of_the_asynchronous_library(fresh_database: str) -> None:
    with SyncKasir.open(settings(fresh_database, NOWHERE)) as kasir:
        with pytest.raises(NotFound):
            kasir.payment(PaymentId("pay_1"))
        with pytest.raises(InvalidRequest):
            kasir.pay(request(browser=None))
    with pytest.raises(SettingError), SyncKasir.open({}):
        pass


def test_the_end_of_the_context_stops_the_thread_and_later_calls_raise(
    fresh_database: str,
) -> None:
    before = threading.active_count()
    with SyncKasir.open(settings(fresh_database, NOWHERE)) as kasir:
        assert threading.active_count() > before
    with pytest.raises(NotOpen, match="closed"):
        kasir.payments("ORDER-1")

    assert threading.active_count() == before


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_call_in_a_forked_process_raises_and_does_not_wait(fresh_database: str) -> None:
    with SyncKasir.open(settings(fresh_database, NOWHERE)) as kasir:
        child = os.fork()
        if child == 0:
            try:
                kasir.payments("ORDER-1")
            except NotOpen:
                os._exit(7)
            os._exit(1)
        _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 7


def test_both_libraries_have_the_same_calls() -> None:
    def names(cls: type) -> set[str]:
        return {name for name in dir(cls) if not name.startswith("_")}

    asynchronous_only = {"work", "checkout", "changes", "links", "stored", "events"}

    assert names(Kasir) - names(SyncKasir) == asynchronous_only
    assert names(SyncKasir) - names(Kasir) == set()
