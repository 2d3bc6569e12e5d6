"""The composition root: opens the database and the connections, and builds every part once."""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from kasir.clock import Clock, SystemClock
from kasir.config import DatabaseSettings, Settings, settings_from
from kasir.embedded.server import embedded, kept_running
from kasir.gateway.clock_check import ClockCheck
from kasir.gateway.provider import Adyen
from kasir.gateway.renewal_messages import why_refused
from kasir.gateway.token_answers import TokenRecordingProvider
from kasir.gateway.token_checks import TokenCheckingProvider
from kasir.gateway.twin_clock import twin_clock
from kasir.gateway.wire import Wire
from kasir.ids import SortableIds
from kasir.jobs import engine
from kasir.jobs.closing import Closing, Waits
from kasir.jobs.due import Due
from kasir.jobs.due_subscriptions import DueSubscriptions
from kasir.jobs.renewing import Renewing, Turns
from kasir.jobs.schema import bring_up_to_date
from kasir.ledger.payment_book import PostgresPaymentBook
from kasir.ledger.payments import Ledger
from kasir.ledger.tokens import TokenLedger, Tokens
from kasir.limits import Limits
from kasir.payments.flow import Flow, Timeouts
from kasir.relay.relaying import Relay
from kasir.requests.changes import ChangeRequests
from kasir.requests.payment_link_attempts import AttemptTimes
from kasir.requests.payment_links import PaymentLinks
from kasir.requests.payments import PaymentRequests
from kasir.requests.stored_methods import StoredMethods
from kasir.requests.subscriptions import SubscriptionRequests
from kasir.shop_events.delivery import EventDelivery
from kasir.store import database
from kasir.store.api_keys import ApiKeys
from kasir.store.database import Pool
from kasir.store.doctor import DoctorCounts
from kasir.store.inbox import GroupInbox, NoticeKind
from kasir.store.links import PostgresLinks
from kasir.store.open_attempts import PostgresOpenAttempts
from kasir.store.outbox import EventFeed, Outbox
from kasir.store.subscription_rows import RenewalRows
from kasir.store.subscriptions import SubscriptionBook
from kasir.store.vault import Vault
from kasir.webhooks.notices import Notices
from kasir.webhooks.reading import Reader


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Every part of Kasir, built once by `open_parts`; `python_api.Kasir` has some of them.

    Attributes:
        settings: The settings with which Kasir was opened.
        checkout: `/paymentMethods`, `/payments`, `/payments/details`.
        changes: Captures, refunds, cancels, reversals.
        flow: The flow of a payment, which `checkout` and `closing` share.
        closing: Closes unfinished attempts.
        events: The shop's events, page by page.
        delivery: Delivers events to the shop; run by the worker.
        relay: Relays notifications to the shop's own Adyen handler; run by the worker.
        due: Finds due work and enqueues it.
        links: `/paymentLinks` and the form behind them.
        links_kept: The stored links; encrypts those that an earlier version stored unencrypted.
        payments: Every payment with all its facts.
        inbox: Stores notifications.
        notices: Lists stored notifications.
        reader: Reads stored notifications; run by the worker.
        tokens: The shoppers' saved wallets, as Kasir has recorded them.
        stored: The shoppers' saved wallets in Adyen's list: to list, remove and reconcile.
        subscriptions: Plans and subscriptions, as Kasir has recorded them.
        subscribing: The shop's commands on subscriptions.
        renewing: Renews subscriptions; run by the worker.
        due_subscriptions: Finds subscriptions with due work.
        api_keys: The keys that shops call with.
        clock: Kasir's clock, which may be the twin's.
        times: Checks the machine's clock against the database's and Adyen's.
        pool: The connections to the database.
    """

    settings: Settings
    checkout: PaymentRequests
    changes: ChangeRequests
    flow: Flow
    closing: Closing
    events: EventFeed
    delivery: EventDelivery
    relay: Relay
    due: Due
    links: PaymentLinks
    links_kept: PostgresLinks
    payments: PostgresPaymentBook
    inbox: GroupInbox
    notices: Notices
    reader: Reader
    tokens: Tokens
    stored: StoredMethods
    subscriptions: SubscriptionBook
    subscribing: SubscriptionRequests
    renewing: Renewing
    due_subscriptions: DueSubscriptions
    api_keys: ApiKeys
    clock: Clock
    times: ClockCheck
    pool: Pool

    @classmethod
    def built(
        cls, settings: Settings, pool: Pool, wire: Wire, clock: Clock, machine: Clock
    ) -> Self:
        """Build every part, on an open database and connections to Adyen."""
        limits, shared = settings.limits, _Shared.built(settings, pool, wire, clock)
        ids, account, book, vault = shared.ids, shared.account, shared.book, shared.vault
        tokens = Tokens(pool, shared.token_ledger, vault)
        stored = StoredMethods(wire, tokens, clock, account, shared.token_check_gaps)
        flow = shared.flow(tokens, stored)
        lifetime = shared.attempt_lifetime
        checkout = PaymentRequests(flow, wire, ids, clock, account, lifetime, tokens)
        subscriptions, turns, due = shared.subscriptions(), shared.turns(), shared.due()
        links = PostgresLinks(pool, vault)
        closing = Closing(flow, book, shared.open_attempts(), clock, account, Waits.of(limits))
        return cls(
            settings=settings,
            checkout=checkout,
            changes=ChangeRequests(flow, book, ids, clock, account),
            flow=flow,
            closing=closing,
            events=EventFeed(pool, vault),
            delivery=EventDelivery(
                pool, vault, [timedelta(seconds=gap) for gap in limits.event_gaps_s], clock
            ),
            relay=shared.relay(),
            due=due,
            links=shared.links(links, checkout, closing),
            links_kept=links,
            payments=book,
            inbox=shared.inbox(),
            notices=Notices(pool, vault),
            reader=shared.reader(),
            tokens=tokens,
            stored=stored,
            subscriptions=subscriptions,
            subscribing=SubscriptionRequests(
                plans=subscriptions,
                turns=turns,
                payments=checkout,
                tokens=tokens,
                ids=ids,
                clock=clock,
                merchant_account=account,
            ),
            renewing=Renewing(turns, flow, in_a_row=settings.follow_twin_clock),
            due_subscriptions=shared.due_subscriptions(),
            api_keys=ApiKeys(
                pool, settings.api_key, clock, timedelta(seconds=limits.api_key_remembered_s)
            ),
            clock=clock,
            times=ClockCheck(
                machine=machine,
                database_now=DoctorCounts(pool).now,
                adyen=wire,
                apart_max=timedelta(seconds=limits.clock_apart_max_s),
            ),
            pool=pool,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shared:
    """Objects that several parts need, and methods that build the parts that need many objects."""

    settings: Settings
    pool: Pool
    wire: Wire
    clock: Clock
    ids: SortableIds
    timeouts: Timeouts
    vault: Vault
    outbox: Outbox
    ledger: Ledger
    token_ledger: TokenLedger
    token_check_gaps: Sequence[timedelta]
    book: PostgresPaymentBook

    @classmethod
    def built(cls, settings: Settings, pool: Pool, wire: Wire, clock: Clock) -> Self:
        limits, ids = settings.limits, SortableIds(_milliseconds)
        vault, timeouts = Vault(settings.secrets), _timeouts(limits)
        outbox = Outbox(ids, clock, vault, is_pushed=settings.events_url is not None)
        ledger = Ledger(clock, timedelta(seconds=limits.settle_after_s), outbox)
        check_gaps = [timedelta(seconds=gap) for gap in limits.token_check_gaps_s]
        return cls(
            settings=settings,
            pool=pool,
            wire=wire,
            clock=clock,
            ids=ids,
            timeouts=timeouts,
            vault=vault,
            outbox=outbox,
            ledger=ledger,
            token_ledger=TokenLedger(ids, clock, vault, outbox),
            token_check_gaps=check_gaps,
            book=PostgresPaymentBook(pool, vault, ledger, timeouts.lease, check_gaps[0]),
        )

    @property
    def account(self) -> str:
        return self.settings.merchant_account

    @property
    def attempt_lifetime(self) -> timedelta:
        return timedelta(seconds=self.settings.limits.attempt_lifetime_s)

    @property
    def again_after(self) -> timedelta:
        return timedelta(seconds=self.settings.limits.due_again_s)

    def flow(self, tokens: Tokens, stored: StoredMethods) -> Flow:
        limits = self.settings.limits
        adyen = Adyen(self.wire, self.clock, limits.adyen_tries_max, limits.adyen_tries_s)
        checked = TokenCheckingProvider(adyen, tokens, stored, self.clock, limits.token_check_s)
        provider = TokenRecordingProvider(checked, tokens, self.clock)
        return Flow(self.book, provider, self.clock, random.random, self.timeouts)

    def due(self) -> Due:
        limits = self.settings.limits
        return Due(
            pool=self.pool,
            ledger=self.ledger,
            clock=self.clock,
            enqueue=engine.enqueue,
            again_after=self.again_after,
            batch_max=limits.due_batch_max,
            late_after=timedelta(seconds=limits.late_after_s),
            behind_max=timedelta(seconds=limits.behind_max_s),
            relays=self.settings.relay is not None,
            # A jump of the twin's clock does not mean that Kasir was down.
            test_clock_since=self.clock.now() if self.settings.follow_twin_clock else None,
        )

    def inbox(self) -> GroupInbox:
        relay, batch_max = self.settings.relay, self.settings.limits.inbox_batch_max
        relayed = {*NoticeKind} if relay else set()
        if relay and relay.tokens_url is None:
            relayed.remove(NoticeKind.TOKENS)
        enqueue = engine.enqueue_reading
        return GroupInbox(self.pool, self.vault, enqueue, batch_max, frozenset(relayed))

    def relay(self) -> Relay:
        limits = self.settings.limits
        return Relay(
            pool=self.pool,
            vault=self.vault,
            clock=self.clock,
            gaps=[timedelta(seconds=gap) for gap in limits.relay_gaps_s],
            lease=timedelta(seconds=limits.relay_lease_s),
            run_max=limits.relay_run_max,
            is_live=self.settings.is_live,
            settings=self.settings.relay,
        )

    def open_attempts(self) -> PostgresOpenAttempts:
        return PostgresOpenAttempts(self.pool, timedelta(seconds=self.settings.limits.late_after_s))

    def links(
        self, kept: PostgresLinks, checkout: PaymentRequests, closing: Closing
    ) -> PaymentLinks:
        limits = self.settings.limits
        return PaymentLinks(
            book=kept,
            payments=self.book,
            requests=checkout,
            ids=self.ids,
            clock=self.clock,
            merchant_account=self.account,
            public_url=self.settings.public_url,
            lifetime=timedelta(seconds=limits.link_lifetime_s),
            lifetime_max=timedelta(seconds=limits.link_lifetime_max_s),
            closer=closing,
            times=AttemptTimes.of(limits),
        )

    def reader(self) -> Reader:
        return Reader(
            pool=self.pool,
            ledger=self.ledger,
            tokens=self.token_ledger,
            vault=self.vault,
            clock=self.clock,
            merchant_account=self.account,
            batch_max=self.settings.limits.reading_batch_max,
            bytes_max=self.settings.limits.reading_bytes_max,
            slow_reads_max=self.settings.limits.slow_reads_max,
            is_live=self.settings.is_live,
        )

    @property
    def renewal_rows(self) -> RenewalRows:
        return RenewalRows(self.vault, why_refused)

    def subscriptions(self) -> SubscriptionBook:
        return SubscriptionBook(pool=self.pool, rows=self.renewal_rows)

    def turns(self) -> Turns:
        asker, rows = self.book.asker.number, self.renewal_rows
        return Turns.built(self.settings, self.pool, self.ledger, self.ids, rows, asker)

    def due_subscriptions(self) -> DueSubscriptions:
        return DueSubscriptions(
            pool=self.pool,
            clock=self.clock,
            enqueue=engine.enqueue,
            merchant_account=self.account,
            again_after=self.again_after,
            batch_max=self.settings.limits.due_batch_max,
            per_s_max=self.settings.limits.renewals_per_s_max,
        )


@asynccontextmanager
async def open_parts(
    settings: Settings | None = None,
    *,
    clock: Clock | None = None,
    machine: Clock | None = None,
) -> AsyncIterator[Parts]:
    """Open the database and the connections, build all parts, and close them with the context.

    Args:
        settings: Read from the environment where None.
        clock: Kasir's clock. Where None, the twin's clock if the settings follow it, or else the
            machine's.
        machine: The machine's clock, which is compared with the database's and Adyen's.

    Raises:
        SettingError: A setting is missing or malformed.
        DatabaseUnavailable: PostgreSQL cannot be used.
    """
    chosen = settings or settings_from()
    async with AsyncExitStack() as stack:
        dsn = stack.enter_context(database_of(chosen))
        limits = chosen.limits
        await bring_up_to_date(dsn, limits)
        pool = await stack.enter_async_context(
            database.connected(dsn, limits.database_connections_max, limits)
        )
        wire = await stack.enter_async_context(Wire.of(chosen))
        if chosen.follow_twin_clock and clock is None:
            clock = await stack.enter_async_context(twin_clock(wire))
        machine = machine or SystemClock()
        parts = Parts.built(chosen, pool, wire, clock or machine, machine)
        await stack.enter_async_context(parts.payments.asker.alive())
        await stack.enter_async_context(parts.inbox.writing())
        yield parts


@contextmanager
def database_of(
    settings: Settings | DatabaseSettings, pause: Callable[[float], None] = time.sleep
) -> Iterator[str]:
    """The DSN of the operator's PostgreSQL, or of an embedded PostgreSQL that runs until the exit.

    `pause` sleeps while the embedded PostgreSQL starts. It may raise an error to stop waiting.
    """
    if settings.database_url:
        yield settings.database_url
        return
    with embedded(settings.data_dir, pause=pause) as dsn, kept_running(settings.data_dir):
        yield dsn


def _timeouts(limits: Limits) -> Timeouts:
    return Timeouts(
        lease=timedelta(seconds=limits.call_lease_s),
        wait=timedelta(seconds=limits.details_wait_s),
        first_gap=timedelta(seconds=limits.ask_again_first_s),
        longest_gap=timedelta(seconds=limits.ask_again_longest_s),
        key_lifetime=timedelta(seconds=limits.ask_again_for_s),
    )


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000
