"""`SyncKasir`: the library for threads, such as those of a WSGI server.

It runs a `Kasir` on an event loop in one thread of its own. Any number of threads may call it; each
waits for its own call only. A process that was forked has no copy of that thread, so a `SyncKasir`
belongs to the process that opened it, and another process neither calls nor closes it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from kasir.errors import NotOpen
from kasir.ids import PaymentId
from kasir.money import Money
from kasir.python_api.client import Kasir
from kasir.python_api.enums import When
from kasir.python_api.requests import ChargeRequest, PaymentRequest, PlanRequest, SubscribeRequest
from kasir.python_api.results import (
    Payment,
    Plan,
    RequestedChange,
    ReturnedShopper,
    StartedPayment,
    StartedSubscription,
    Subscription,
    Token,
)
from kasir.subscriptions.subscription import SubscriptionId

if TYPE_CHECKING:
    from datetime import datetime

    from kasir.config import Settings
    from kasir.python_api.loop_thread import Calls

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SyncKasir:
    """An open Kasir for threads, from `with SyncKasir.open() as kasir`.

    Every call does what the one of the same name of `Kasir` does, raises the same errors, and may
    also raise `NotOpen`, or `CutOff` if the end of the context was interrupted.
    """

    _kasir: Kasir = field(repr=False)
    _calls: Calls = field(repr=False)
    _process: int

    @classmethod
    @contextmanager
    def open(
        cls, settings: Settings | Mapping[str, str] | None = None, *, account: str | None = None
    ) -> Iterator[SyncKasir]:
        """Open Kasir in a thread of its own; the end of the context closes it.

        The end refuses new calls, and waits for the calls of other threads, so that each of them
        gets its answer.

        A server that forks (gunicorn, uWSGI) must open it in each worker process, after the fork.

        Args:
            settings: The settings by the names of docs/settings.md; None for the environment.
            account: As in `Kasir.open`.

        Raises:
            SettingError: A setting is missing or malformed.
            AccountUnavailable: There is no such account, or it is disabled or cannot be used.
            DatabaseUnavailable: PostgreSQL cannot be used.
        """
        from kasir.python_api.loop_thread import Calls, KasirThread

        thread = KasirThread(settings, account)
        kasir, loop = thread.opened()
        process, calls = os.getpid(), Calls(loop)
        try:
            yield cls(kasir, calls, process)
        finally:
            # A forked process has no copy of the thread, and would wait for it without end.
            if os.getpid() == process:
                try:
                    calls.close()
                finally:
                    thread.close(loop)

    def pay(self, request: PaymentRequest, *, key: str | None = None) -> StartedPayment:
        """Make a payment. It is stored before Adyen is asked."""
        return self._call(self._kasir.pay, request, key=key)

    def charge(self, request: ChargeRequest, *, key: str) -> StartedPayment:
        """Charge a saved wallet. The result is final only when the payment's status is."""
        return self._call(self._kasir.charge, request, key=key)

    def returned(self, redirect_result: str) -> ReturnedShopper:
        """Pass Adyen the `redirectResult` with which a shopper returned; each is sent only once."""
        return self._call(self._kasir.returned, redirect_result)

    def payment(self, payment_id: PaymentId) -> Payment:
        """A payment, as Kasir knows it now."""
        return self._call(self._kasir.payment, payment_id)

    def payments(self, reference: str, *, limit: int = 100) -> list[Payment]:
        """The newest payments with the shop's `reference`, newest first."""
        return self._call(self._kasir.payments, reference, limit=limit)

    def capture(
        self, payment_id: PaymentId, amount: Money, *, key: str | None = None
    ) -> RequestedChange:
        """Capture an authorised payment, or a part of it."""
        return self._call(self._kasir.capture, payment_id, amount, key=key)

    def refund(
        self, payment_id: PaymentId, amount: Money, *, reference: str = "", key: str | None = None
    ) -> RequestedChange:
        """Refund a payment, or a part of it; `reference` is the shop's own name for the refund."""
        return self._call(self._kasir.refund, payment_id, amount, reference=reference, key=key)

    def cancel(self, payment_id: PaymentId, *, key: str | None = None) -> RequestedChange:
        """Cancel an authorised payment that was not captured."""
        return self._call(self._kasir.cancel, payment_id, key=key)

    def tokens(self, shopper_reference: str) -> list[Token]:
        """A shopper's saved wallets, including disabled ones."""
        return self._call(self._kasir.tokens, shopper_reference)

    def remove_token(self, token: Token) -> None:
        """Remove a saved wallet at Adyen and here, so that it can no longer be charged."""
        self._call(self._kasir.remove_token, token)

    def make_plan(self, request: PlanRequest) -> Plan:
        """Make a plan for subscriptions."""
        return self._call(self._kasir.make_plan, request)

    def subscribe(self, request: SubscribeRequest, *, key: str) -> StartedSubscription:
        """Sign a shopper up to a plan, with a first payment that saves the wallet."""
        return self._call(self._kasir.subscribe, request, key=key)

    def subscription(self, subscription_id: SubscriptionId) -> Subscription:
        """A subscription, as Kasir knows it now."""
        return self._call(self._kasir.subscription, subscription_id)

    def cancel_subscription(
        self, subscription_id: SubscriptionId, at: When = When.NOW
    ) -> Subscription:
        """Cancel a subscription; `When.NEVER` withdraws a planned cancel."""
        return self._call(self._kasir.cancel_subscription, subscription_id, at)

    def pause_subscription(
        self,
        subscription_id: SubscriptionId,
        at: When = When.NOW,
        *,
        resumes_at: datetime | None = None,
    ) -> Subscription:
        """Charge nothing until `resumes_at`, or until `resume_subscription` where that is None."""
        return self._call(
            self._kasir.pause_subscription, subscription_id, at, resumes_at=resumes_at
        )

    def resume_subscription(self, subscription_id: SubscriptionId) -> Subscription:
        """End a pause now."""
        return self._call(self._kasir.resume_subscription, subscription_id)

    def _call(
        self, call: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a call on the event loop of the thread, and wait for its result.

        Raises:
            NotOpen: It is closed, or was opened in another process.
            CutOff: The end of the context was interrupted while it waited for this call.
        """
        if os.getpid() != self._process:
            raise NotOpen("this SyncKasir was opened before the fork; open one in each process")
        return self._calls.result_of(partial(call, *args, **kwargs))
