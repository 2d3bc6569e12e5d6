"""The thread in which `SyncKasir` runs a `Kasir`, and the calls that other threads make in it.

Imported when a `SyncKasir` is opened, because `import kasir` does not import asyncio.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import CancelledError, Future, wait
from threading import Lock, Thread
from typing import Any, TypeVar

from kasir.config import Settings
from kasir.errors import CutOff, NotOpen
from kasir.python_api.client import Kasir

T = TypeVar("T")


class Calls:
    """Runs calls on an event loop, and knows those in flight, so that the end can wait for them."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lock = Lock()
        self._in_flight: set[Future[Any]] = set()
        self._is_closed = False

    def result_of(self, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a call, and wait for its result.

        Raises:
            NotOpen: `close` was called before.
            CutOff: `close` was interrupted while it waited for this call.
            Exception: Whatever the call raises.
        """
        with self._lock:
            if self._is_closed:
                raise NotOpen("this SyncKasir is closed")
            running = asyncio.run_coroutine_threadsafe(call(), self._loop)
            self._in_flight.add(running)
        running.add_done_callback(self._in_flight.discard)
        try:
            return running.result()
        except CancelledError:
            raise CutOff from None

    def close(self) -> None:
        """Refuse new calls, and wait for those in flight; an interruption cancels them."""
        with self._lock:
            self._is_closed = True
            in_flight = self._in_flight.copy()
        try:
            wait(in_flight)
        finally:
            for running in in_flight:
                running.cancel()


class KasirThread:
    """Runs a `Kasir` on an event loop in a thread of its own.

    The thread is a daemon, so that a process that never closes it can end. anyio's blocking portal
    is not used, because in a forked process its own clean-up waits for the thread without end.
    """

    def __init__(self, settings: Settings | Mapping[str, str] | None, account: str | None) -> None:
        self._settings = settings
        self._account = account
        self._thread = Thread(target=self._run, name="kasir", daemon=True)
        self._is_stopping = asyncio.Event()
        self._opened: Future[tuple[Kasir, asyncio.AbstractEventLoop]] = Future()
        self._error: BaseException | None = None

    def _run(self) -> None:
        try:
            asyncio.run(self._work())
        except BaseException as error:  # noqa: BLE001  # The thread that waits raises it.
            if self._opened.done():
                self._error = error
            else:
                self._opened.set_exception(error)

    async def _work(self) -> None:
        async with Kasir.open(self._settings, account=self._account) as kasir:
            self._opened.set_result((kasir, asyncio.get_running_loop()))
            await self._is_stopping.wait()

    def opened(self) -> tuple[Kasir, asyncio.AbstractEventLoop]:
        """Start the thread, and wait until Kasir is open.

        Raises:
            KasirError: What `Kasir.open` raised.
        """
        self._thread.start()
        return self._opened.result()

    def close(self, loop: asyncio.AbstractEventLoop) -> None:
        """Close Kasir, and wait for the end of the thread.

        Raises:
            Exception: What Kasir raised while it was closed.
        """
        loop.call_soon_threadsafe(self._is_stopping.set)
        self._thread.join()
        if self._error:
            raise self._error
