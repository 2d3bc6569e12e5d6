"""Objects that several parts of an account need, and the parts that need many objects."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from kasir.clock import Clock
from kasir.config import Settings
from kasir.gateway.methods import METHODS
from kasir.gateway.provider import Adyen
from kasir.gateway.renewal_messages import why_refused
from kasir.gateway.token_answers import TokenRecordingProvider
from kasir.gateway.token_checks import TokenCheckingProvider
from kasir.gateway.wire import Downloads, Wire
from kasir.ids import SortableIds
from kasir.jobs import engine
from kasir.jobs.closing import Closing
from kasir.jobs.due import Due
from kasir.jobs.due_subscriptions import DueSubscriptions
from kasir.jobs.reconciling import Reconciling
from kasir.jobs.renewing import Turns
from kasir.jobs.report_reading import StoredReports
from kasir.jobs.reports import Reports
from kasir.jobs.unsettled import UnsettledSearch
from kasir.ledger.payment_book import PostgresPaymentBook
from kasir.ledger.payments import Ledger
from kasir.ledger.tokens import TokenLedger, Tokens
from kasir.limits import Limits
from kasir.payments.flow import Flow, Timeouts
from kasir.relay.relaying import Relay
from kasir.requests.payment_link_attempts import AttemptTimes
from kasir.requests.payment_links import PaymentLinks
from kasir.requests.payments import PaymentRequests
from kasir.requests.stored_methods import StoredMethods
from kasir.store.database import Pool
from kasir.store.inbox import GroupInbox, NoticeKind
from kasir.store.links import PostgresLinks
from kasir.store.open_attempts import PostgresOpenAttempts
from kasir.store.outbox import Outbox
from kasir.store.subscription_rows import RenewalRows
from kasir.store.subscriptions import SubscriptionBook
from kasir.store.vault import Vault
from kasir.webhooks.reading import Reader


@dataclass(frozen=True, slots=True)
class Base:
    """What the parts of an account are built on.

    Attributes:
        settings: The account's settings.
        pool: The database, with the account's tables.
        wire: The account's connections to Adyen.
        clock: Kasir's clock.
        machine: The machine's clock.
        ids: Makes the account's ids.
        asker: The number of this process (see `store.askers`); None to choose one.
    """

    settings: Settings
    pool: Pool
    wire: Wire
    clock: Clock
    machine: Clock
    ids: SortableIds
    asker: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedParts:
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
    def built(cls, base: Base) -> Self:
        """Build the shared objects of an account."""
        settings, pool, clock, ids = base.settings, base.pool, base.clock, base.ids
        limits = settings.limits
        vault, timeouts = Vault(settings.secrets), _timeouts(limits)
        outbox = Outbox(ids, clock, vault, is_pushed=settings.events_url is not None)
        ledger = Ledger(clock, timedelta(seconds=limits.settle_after_s), outbox)
        check_gaps = [timedelta(seconds=gap) for gap in limits.token_check_gaps_s]
        return cls(
            settings=settings,
            pool=pool,
            wire=base.wire,
            clock=clock,
            ids=ids,
            timeouts=timeouts,
            vault=vault,
            outbox=outbox,
            ledger=ledger,
            token_ledger=TokenLedger(ids, clock, vault, outbox),
            token_check_gaps=check_gaps,
            book=PostgresPaymentBook(
                pool, vault, ledger, timeouts.lease, check_gaps[0], base.asker
            ),
        )

    @property
    def account(self) -> str:
        """The merchant account's code."""
        return self.settings.merchant_account

    @property
    def attempt_lifetime(self) -> timedelta:
        """How long an unfinished attempt stays open."""
        return timedelta(seconds=self.settings.limits.attempt_lifetime_s)

    @property
    def again_after(self) -> timedelta:
        """After how long unfinished work is due again."""
        return timedelta(seconds=self.settings.limits.due_again_s)

    def flow(self, tokens: Tokens, stored: StoredMethods) -> Flow:
        """Build the flow of a payment."""
        limits = self.settings.limits
        adyen = Adyen(self.wire, self.clock, limits.adyen_tries_max, limits.adyen_tries_s)
        checked = TokenCheckingProvider(adyen, tokens, stored, self.clock, limits.token_check_s)
        provider = TokenRecordingProvider(checked, tokens, self.clock)
        return Flow(self.book, provider, self.clock, random.random, self.timeouts)

    def due(self) -> Due:
        """Build the search for due work."""
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
            fetches_reports=self.settings.reports.user is not None,
            # A jump of the twin's clock does not mean that Kasir was down.
            test_clock_since=self.clock.now() if self.settings.follow_twin_clock else None,
        )

    def inbox(self) -> GroupInbox:
        """Build the store of notifications, which queues those to be relayed."""
        relay, batch_max = self.settings.relay, self.settings.limits.inbox_batch_max
        relayed = {*NoticeKind} if relay else set()
        if relay and relay.tokens_url is None:
            relayed.remove(NoticeKind.TOKENS)
        enqueue = engine.enqueue_reading
        return GroupInbox(self.pool, self.vault, enqueue, batch_max, frozenset(relayed))

    def relay(self) -> Relay:
        """Build the relay, which sends nothing without settings."""
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

    def reports(self) -> Reports:
        """Build the use case of Adyen's reports."""
        settings, limits = self.settings, self.settings.limits
        search = UnsettledSearch(
            pool=self.pool,
            clock=self.clock,
            within=timedelta(seconds=limits.settled_within_s),
            batch_max=limits.unsettled_batch_max,
        )
        stored = StoredReports(
            pool=self.pool,
            vault=self.vault,
            clock=self.clock,
            merchant_account=self.account,
            methods=frozenset(METHODS),
            rupiah=settings.reports.rupiah,
            rows_max=limits.report_rows_max,
            again_after=self.again_after,
        )
        return Reports(
            pool=self.pool,
            vault=self.vault,
            clock=self.clock,
            downloads=Downloads(limits),
            base=settings.addresses.reports,
            settings=settings.reports,
            gaps=[timedelta(seconds=gap) for gap in limits.report_gaps_s],
            reconciling=Reconciling(stored=stored, search=search),
            search_every=timedelta(seconds=limits.unsettled_every_s),
        )

    def open_attempts(self) -> PostgresOpenAttempts:
        """Build the store of unfinished attempts."""
        return PostgresOpenAttempts(self.pool, timedelta(seconds=self.settings.limits.late_after_s))

    def links(
        self, kept: PostgresLinks, checkout: PaymentRequests, closing: Closing
    ) -> PaymentLinks:
        """Build the use case of payment links."""
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
        """Build the reader of notifications."""
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
        """How renewals are read from rows."""
        return RenewalRows(self.vault, why_refused)

    def subscriptions(self) -> SubscriptionBook:
        """Build the store of plans and subscriptions."""
        return SubscriptionBook(pool=self.pool, rows=self.renewal_rows)

    def turns(self) -> Turns:
        """Build what renews one subscription at a time."""
        asker, rows = self.book.asker.number, self.renewal_rows
        return Turns.built(self.settings, self.pool, self.ledger, self.ids, rows, asker)

    def due_subscriptions(self) -> DueSubscriptions:
        """Build the search for due subscriptions."""
        return DueSubscriptions(
            pool=self.pool,
            clock=self.clock,
            enqueue=engine.enqueue,
            merchant_account=self.account,
            again_after=self.again_after,
            batch_max=self.settings.limits.due_batch_max,
            per_s_max=self.settings.limits.renewals_per_s_max,
        )


def _timeouts(limits: Limits) -> Timeouts:
    return Timeouts(
        lease=timedelta(seconds=limits.call_lease_s),
        wait=timedelta(seconds=limits.details_wait_s),
        first_gap=timedelta(seconds=limits.ask_again_first_s),
        longest_gap=timedelta(seconds=limits.ask_again_longest_s),
        key_lifetime=timedelta(seconds=limits.ask_again_for_s),
    )
