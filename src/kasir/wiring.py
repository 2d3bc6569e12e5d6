"""The composition root: builds the rooms and hands them to each other. It decides nothing."""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, Self

from kasir.adyen.replies import Answer
from kasir.clock import Clock, SystemClock
from kasir.config import DatabaseSettings, Settings, settings_from
from kasir.embedded.server import embedded, kept_running
from kasir.gateway.account_checks import Finding, examine
from kasir.gateway.provider import Adyen
from kasir.gateway.renewal_messages import Renewing, Words
from kasir.gateway.times import Times
from kasir.gateway.token_answers import TokenRecordingProvider
from kasir.gateway.token_checks import TokenCheckingProvider
from kasir.gateway.twin_clock import twin_clock
from kasir.gateway.wire import Wire
from kasir.ids import PaymentId, SortableIds
from kasir.jobs import engine
from kasir.jobs.closing import Closing, Waits
from kasir.jobs.due import Due
from kasir.jobs.due_subscriptions import SubscriptionsDue
from kasir.jobs.renewal_writing import Writing
from kasir.jobs.renewing import PostgresSubscriptions
from kasir.jobs.schema import bring_up_to_date
from kasir.ledger.payment_book import PostgresBook
from kasir.ledger.payments import Ledger
from kasir.ledger.tokens import TokenLedger, Tokens
from kasir.limits import Limits
from kasir.money import Money
from kasir.payments.flow import Flow, Patience
from kasir.requests.changes import ChangeRequests
from kasir.requests.charges import Charges
from kasir.requests.payment_link_attempts import AttemptTimes
from kasir.requests.payment_links import PaymentLinks
from kasir.requests.payments import PaymentRequests
from kasir.requests.stored_methods import StoredMethods
from kasir.requests.subscriptions import SubscriptionRequests
from kasir.shop_events.delivery import Delivery
from kasir.store import database
from kasir.store.api_keys import ApiKeys
from kasir.store.database import Pool
from kasir.store.diagnosis import Diagnosis
from kasir.store.inbox import GroupInbox
from kasir.store.links import PostgresLinks
from kasir.store.outbox import EventFeed, Outbox
from kasir.store.vault import Vault
from kasir.subscriptions.dunning import Timetable
from kasir.subscriptions.engine import Rules
from kasir.subscriptions.renewal import CatchUp
from kasir.tokens.model import Token
from kasir.webhooks.reading import Reader


@dataclass(frozen=True, slots=True, kw_only=True)
class Kasir:
    """Kasir, open: the library's one door. Get one with `async with Kasir.open() as kasir`.

    Attributes:
        settings: What it was opened with.
        checkout: `/paymentMethods`, `/payments`, `/payments/details`.
        changes: Captures, refunds, cancels, reversals.
        flow: The road of a payment, for those who ask again.
        closing: Closes attempts that nobody finished.
        events: The shop's events, page by page.
        delivery: Delivers them; the worker's work.
        due: Finds what is to be done by now.
        links: `/paymentLinks` and the form behind them.
        links_kept: Where links are kept; seals those from before they were sealed.
        payments: What is known of every payment.
        inbox: Where notifications are kept.
        reader: Reads the inbox; the worker's work.
        tokens: The shoppers' saved wallets, as Kasir knows them.
        stored: The same, as Adyen lists them: listed, removed, reconciled.
        subscriptions: Plans and subscriptions, as Kasir knows them.
        subscribing: What a shop may do with them.
        renewing: Lets subscriptions go on; the worker's work.
        subscriptions_due: Finds those that have something to do.
        api_keys: Who may call over HTTP.
        clock: What time it is.
        times: Whether it is, by the world's clocks.
    """

    settings: Settings
    checkout: PaymentRequests
    changes: ChangeRequests
    flow: Flow
    closing: Closing
    events: EventFeed
    delivery: Delivery
    due: Due
    links: PaymentLinks
    links_kept: PostgresLinks
    payments: PostgresBook
    inbox: GroupInbox
    reader: Reader
    tokens: Tokens
    stored: StoredMethods
    subscriptions: PostgresSubscriptions
    subscribing: SubscriptionRequests
    renewing: Renewing
    subscriptions_due: SubscriptionsDue
    api_keys: ApiKeys
    clock: Clock
    times: Times
    pool: Pool

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        settings: Settings | None = None,
        *,
        clock: Clock | None = None,
        machine: Clock | None = None,
    ) -> AsyncIterator[Self]:
        """Open Kasir, and close it with the context.

        Args:
            settings: What the operator chose; read from the environment where not given.
            clock: What time it is; the machine's own where not given.
            machine: The machine's clock, which is held against the database's and Adyen's.

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
            world = machine or SystemClock()
            kasir = cls._built(chosen, pool, wire, clock or world, world)
            await stack.enter_async_context(kasir.payments.asker.alive())
            await stack.enter_async_context(kasir.inbox.writing())
            yield kasir

    async def charge(
        self,
        token: Token,
        amount: Money,
        *,
        reference: str,
        return_url: str,
        model: Literal["Subscription", "CardOnFile"] = "Subscription",
        key: str | None = None,
    ) -> tuple[Answer, PaymentId]:
        """Charge a saved wallet, once per key; see `requests.charges.Charges.charge`."""
        return await Charges(self.checkout).charge(
            token, amount, reference=reference, return_url=return_url, model=model, key=key
        )

    async def examine(self) -> list[Finding]:
        """Find out at Adyen whether GoPay can be taken; changes nothing."""
        return await examine(self.checkout.wire, self.settings.merchant_account)

    @classmethod
    def _built(cls, settings: Settings, pool: Pool, wire: Wire, clock: Clock, world: Clock) -> Self:
        limits, ground = settings.limits, _Ground.laid(settings, pool, wire, clock)
        ids, account, book, vault = ground.ids, ground.account, ground.book, ground.vault
        tokens = Tokens(pool, ground.token_ledger, vault)
        stored = StoredMethods(wire, tokens, clock, account, ground.token_look_gaps)
        flow = ground.flow(tokens, stored)
        lifetime = ground.attempt_lifetime
        checkout = PaymentRequests(flow, wire, ids, clock, account, lifetime, tokens)
        subscriptions, due = ground.subscriptions(), ground.due()
        links = PostgresLinks(pool, vault)
        closing = Closing(flow, book, due, clock, account, Waits.of(limits))
        return cls(
            settings=settings,
            checkout=checkout,
            changes=ChangeRequests(flow, book, ids, clock, account),
            flow=flow,
            closing=closing,
            events=EventFeed(pool, vault),
            delivery=Delivery(
                pool, vault, [timedelta(seconds=gap) for gap in limits.event_gaps_s], clock
            ),
            due=due,
            links=ground.links(links, checkout, closing),
            links_kept=links,
            payments=book,
            inbox=GroupInbox(pool, vault, engine.enqueue_reading, limits.inbox_batch_max),
            reader=ground.reader(),
            tokens=tokens,
            stored=stored,
            subscriptions=subscriptions,
            subscribing=SubscriptionRequests(
                book=subscriptions,
                payments=checkout,
                tokens=tokens,
                ids=ids,
                clock=clock,
                merchant_account=account,
            ),
            renewing=Renewing(subscriptions, flow, in_a_row=settings.follow_twin_clock),
            subscriptions_due=ground.subscriptions_due(),
            api_keys=ApiKeys(
                pool, settings.api_key, clock, timedelta(seconds=limits.api_key_remembered_s)
            ),
            clock=clock,
            times=Times(
                world=world,
                database_now=Diagnosis(pool).now,
                adyen=wire,
                apart_max=timedelta(seconds=limits.clock_apart_max_s),
            ),
            pool=pool,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ground:
    """What the rooms stand on, and the rooms that need most of it."""

    settings: Settings
    pool: Pool
    wire: Wire
    clock: Clock
    ids: SortableIds
    patience: Patience
    vault: Vault
    outbox: Outbox
    ledger: Ledger
    token_ledger: TokenLedger
    token_look_gaps: Sequence[timedelta]
    book: PostgresBook

    @classmethod
    def laid(cls, settings: Settings, pool: Pool, wire: Wire, clock: Clock) -> Self:
        """Lay it."""
        limits, ids = settings.limits, SortableIds(_milliseconds)
        vault, patience = Vault(settings.secrets), _patience(limits)
        outbox = Outbox(ids, clock, vault, is_pushed=settings.events_url is not None)
        ledger = Ledger(clock, timedelta(seconds=limits.settle_after_s), outbox)
        look_gaps = [timedelta(seconds=gap) for gap in limits.token_look_gaps_s]
        return cls(
            settings=settings,
            pool=pool,
            wire=wire,
            clock=clock,
            ids=ids,
            patience=patience,
            vault=vault,
            outbox=outbox,
            ledger=ledger,
            token_ledger=TokenLedger(ids, clock, vault, outbox),
            token_look_gaps=look_gaps,
            book=PostgresBook(pool, vault, ledger, patience.lease, look_gaps[0]),
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
        return Flow(self.book, provider, self.clock, random.random, self.patience)

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
            # By the twin's clock, a leap that is seen as it happens is no absence.
            watched_since=self.clock.now() if self.settings.follow_twin_clock else None,
        )

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

    def subscriptions(self) -> PostgresSubscriptions:
        writing = Writing(
            book=self.book,
            outbox=self.outbox,
            ids=self.ids,
            clock=self.clock,
            words=Words(merchant_account=self.account, lifetime=self.attempt_lifetime),
            public_url=self.settings.public_url,
            vault=self.vault,
        )
        return PostgresSubscriptions(
            pool=self.pool,
            writing=writing,
            book=self.book,
            vault=self.vault,
            clock=self.clock,
            rules=_rules(self.settings, self.clock),
            ids=self.ids,
            merchant_account=self.account,
        )

    def subscriptions_due(self) -> SubscriptionsDue:
        return SubscriptionsDue(
            pool=self.pool,
            clock=self.clock,
            enqueue=engine.enqueue,
            merchant_account=self.account,
            again_after=self.again_after,
            batch_max=self.settings.limits.due_batch_max,
            per_s_max=self.settings.limits.renewals_per_s_max,
        )


@contextmanager
def database_of(
    settings: Settings | DatabaseSettings, pause: Callable[[float], None] = time.sleep
) -> Iterator[str]:
    """The DSN of the operator's own PostgreSQL, or of the embedded one, running meanwhile.

    `pause` sleeps while the embedded one gets ready; it may raise, to wait no longer.
    """
    if settings.database_url:
        yield settings.database_url
        return
    with embedded(settings.data_dir, pause=pause) as dsn, kept_running(settings.data_dir):
        yield dsn


def _patience(limits: Limits) -> Patience:
    return Patience(
        lease=timedelta(seconds=limits.call_lease_s),
        wait=timedelta(seconds=limits.details_wait_s),
        first_gap=timedelta(seconds=limits.ask_again_first_s),
        longest_gap=timedelta(seconds=limits.ask_again_longest_s),
        key_lifetime=timedelta(seconds=limits.ask_again_for_s),
    )


def _rules(settings: Settings, clock: Clock) -> Rules:
    limits = settings.limits
    return Rules(
        timetable=Timetable(),
        incomplete_for=timedelta(seconds=limits.sign_up_lifetime_s),
        unopened_for=timedelta(seconds=limits.attempt_lifetime_s),
        unresolved_for=timedelta(seconds=limits.unresolved_for_s),
        # By the twin's clock, a leap that is seen as it happens is not downtime.
        catch_up=CatchUp(clock.now() if settings.follow_twin_clock else None),
    )


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000
