"""The library for threads: the same calls and errors, from many threads, in one process."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from fake_server import serving
from integration.python_api.python_shop import request, settings
from kasir import (
    CutOff,
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


def call_until_closed(kasir: SyncKasir) -> None:
    """Call Kasir again and again, until it refuses a call because it is closed."""
    while True:
        try:
            kasir.payments("ORDER-1")
        except NotOpen:
            return


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


async def test_the_end_of_the_context_waits_for_calls_in_flight_and_refuses_new_ones(
    fresh_database: str,
) -> None:
    is_asked, may_answer = threading.Event(), asyncio.Event()

    async def answer(_: web.Request) -> web.StreamResponse:
        is_asked.set()
        await may_answer.wait()
        action = {"type": "redirect", "url": "https://wallet.example/"}
        return web.json_response({"resultCode": "RedirectShopper", "action": action})

    def open_and_leave() -> None:
        with SyncKasir.open(settings(fresh_database, adyen.url)) as kasir:
            opened.set_result(kasir)
            is_asked.wait()

    with ThreadPoolExecutor() as threads:
        async with serving() as adyen:
            adyen.handler = answer
            opened: Future[SyncKasir] = Future()
            leaving = threads.submit(open_and_leave)
            kasir = await asyncio.wrap_future(opened)
            paying = threads.submit(kasir.pay, request(), key="one")
            await asyncio.to_thread(is_asked.wait)
            await asyncio.to_thread(call_until_closed, kasir)
            may_answer.set()
            started = await asyncio.wrap_future(paying)
            await asyncio.wrap_future(leaving)

    assert started.payment.status is PaymentStatus.AWAITING_SHOPPER
    assert started.redirect_url == "https://wallet.example/"


def test_an_interrupted_end_of_the_context_cuts_calls_in_flight_off(fresh_database: str) -> None:
    def interrupt(kasir: SyncKasir) -> None:
        call_until_closed(kasir)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    def open_and_leave(url: str) -> None:
        with SyncKasir.open(settings(fresh_database, url)) as kasir:
            submitted.append(threads.submit(kasir.pay, request(), key="one"))
            accepted.append(adyen.accept()[0])
            submitted.append(threads.submit(interrupt, kasir))

    submitted: list[Future[Any]] = []
    accepted: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as adyen, ThreadPoolExecutor() as threads:
        with pytest.raises(KeyboardInterrupt):
            open_and_leave(f"http://127.0.0.1:{adyen.getsockname()[1]}")
        paying, interrupting = submitted
        interrupting.result()
        with accepted[0], pytest.raises(CutOff):
            paying.result()


def test_an_error_of_the_close_is_raised_at_the_end_of_the_context(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @asynccontextmanager
    async def failing(_: object, **_more: object) -> AsyncIterator[None]:
        yield
        raise OSError("the close failed")

    monkeypatch.setattr(Kasir, "open", failing)
    with pytest.raises(OSError, match="the close failed"), SyncKasir.open({}):
        pass


def test_a_forked_process_ends_without_closing_the_kasir_of_its_parent(
    fresh_database: str,
) -> None:
    program = """
import os, sys
from kasir import SyncKasir
with SyncKasir.open() as kasir:
    child = os.fork()
    if child == 0:
        sys.exit(7)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), kasir.payments("ORDER-1"))
"""
    command = [sys.executable, "-W", "ignore", "-c", program]
    environ = {**os.environ, **settings(fresh_database, NOWHERE)}
    done = subprocess.run(
        command, env=environ, timeout=50, check=False, capture_output=True, text=True
    )

    assert (done.stdout, done.stderr, done.returncode) == ("7 []\n", "", 0)


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
