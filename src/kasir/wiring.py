"""The composition root: opens the database and the connections, and builds every part once."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from kasir.clock import Clock, SystemClock
from kasir.config import DatabaseSettings, Settings, settings_from
from kasir.embedded.server import embedded, kept_running
from kasir.gateway.clock_check import ClockCheck
from kasir.gateway.twin_clock import twin_clock
from kasir.gateway.wire import Wire
from kasir.ids import SortableIds
from kasir.jobs.closing import Closing, Waits
from kasir.jobs.due import Due
from kasir.jobs.due_subscriptions import DueSubscriptions
from kasir.jobs.renewing import Renewing
from kasir.jobs.reports import Reports
from kasir.jobs.schema import bring_up_to_date
from kasir.ledger.payment_book import PostgresPaymentBook
from kasir.ledger.tokens import Tokens
from kasir.operations.deliveries import Deliveries
from kasir.operations.disputes import Disputes
from kasir.operations.payment_life import PaymentLives
from kasir.payments.flow import Flow
from kasir.relay.relaying import Relay
from kasir.requests.changes import ChangeRequests
from kasir.requests.payment_links import PaymentLinks
from kasir.requests.payments import PaymentRequests
from kasir.requests.stored_methods import StoredMethods
from kasir.requests.subscriptions import SubscriptionRequests
from kasir.shared_parts import Base, SharedParts
from kasir.shop_events.delivery import EventDelivery
from kasir.store import database
from kasir.store.api_keys import ApiKeys
from kasir.store.database import Pool
from kasir.store.doctor import DoctorCounts
from kasir.store.inbox import GroupInbox
from kasir.store.links import PostgresLinks
from kasir.store.outbox import EventFeed
from kasir.store.subscriptions import SubscriptionBook
from kasir.webhooks.notices import Notices
from kasir.webhooks.reading import Reader
from kasir.webhooks.webhook_keys import WebhookKeys


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
        deliveries: Lists what is sent to the shop, sends it again, pauses addresses.
        disputes: Lists disputed payments.
        relay: Relays notifications to the shop's own Adyen handler; run by the worker.
        reports: Fetches and reconciles Adyen's reports; run by the worker.
        due: Finds due work and enqueues it.
        links: `/paymentLinks` and the form behind them.
        links_kept: The stored links; encrypts those that an earlier version stored unencrypted.
        payments: Every payment with all its facts.
        payment_lives: What happened to each payment, with the messages behind it.
        inbox: Stores notifications.
        webhook_keys: The keys that verify standard notifications of the environment's account.
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
    deliveries: Deliveries
    disputes: Disputes
    relay: Relay
    reports: Reports
    due: Due
    links: PaymentLinks
    links_kept: PostgresLinks
    payments: PostgresPaymentBook
    payment_lives: PaymentLives
    inbox: GroupInbox
    webhook_keys: WebhookKeys
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
    def built(cls, base: Base) -> Self:
        """Build every part, on an open database and connections to Adyen."""
        settings, pool, wire, clock = base.settings, base.pool, base.wire, base.clock
        limits, shared = settings.limits, SharedParts.built(base)
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
            deliveries=Deliveries(
                pool=pool,
                clock=clock,
                events_url=settings.events_url,
                relay=settings.relay,
                counts_max=limits.counts_max,
                resent_max=limits.resent_max,
            ),
            disputes=Disputes(book, clock),
            relay=shared.relay(),
            reports=shared.reports(),
            due=due,
            links=shared.links(links, checkout, closing),
            links_kept=links,
            payments=book,
            payment_lives=PaymentLives(pool, vault, book, tokens),
            inbox=shared.inbox(),
            webhook_keys=WebhookKeys(pool, vault, settings.hmac_keys),
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
                machine=base.machine,
                database_now=DoctorCounts(pool).now,
                adyen=wire,
                apart_max=timedelta(seconds=limits.clock_apart_max_s),
            ),
            pool=pool,
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
        base = Base(chosen, pool, wire, clock or machine, machine, SortableIds(milliseconds))
        parts = Parts.built(base)
        await parts.webhook_keys.read()
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


def milliseconds() -> int:
    """The milliseconds since 1970, for new ids."""
    return time.time_ns() // 1_000_000
