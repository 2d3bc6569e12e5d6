"""A subscription in any sequence of events: sign-up, charges, refusals, pauses, clock jumps.

The invariants: a period is charged at most once, and only between the beginning and the end of the
subscription. Every skipped period and every dropped planned change has an event. A charge that is
no longer owed is not sent. Another turn at the same time changes nothing.
"""

# ruff: noqa: D102  # The names of rules and invariants are sentences, like those of tests.

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kasir.ids import PaymentId, SortableIds
from kasir.money import IDR, Money
from kasir.payments.status import Status
from kasir.subscriptions import commands
from kasir.subscriptions.commands import When
from kasir.subscriptions.dunning import Reason, Timetable
from kasir.subscriptions.engine import Rules, advance
from kasir.subscriptions.events import Event, SubscriptionEvent
from kasir.subscriptions.plan import Interval, Plan, PlanId, Unit, WhenUnpaid
from kasir.subscriptions.renewal import Attempt, CatchUp, Outcome, Renewal
from kasir.subscriptions.states import ALIVE, OVER, IllegalMove, State
from kasir.subscriptions.subscription import (
    Permission,
    Subscription,
    SubscriptionId,
    first_amount,
    first_period,
)
from kasir.subscriptions.turn import Turn

START = datetime(2026, 1, 31, 2, tzinfo=UTC)
INCOMPLETE_FOR = timedelta(days=1)
SIGN_UP = Attempt(
    number=1,
    at=START,
    asked_at=START,
    status=Status.AWAITING_SHOPPER,
    payment_id=PaymentId("pay_0"),
)

plans = st.builds(
    Plan,
    id=st.just(PlanId("pln_1")),
    reference=st.just("GOLD"),
    amount=st.just(Money(IDR, 50_000)),
    interval=st.sampled_from(
        [Interval(Unit.DAY, 1), Interval(Unit.WEEK, 1), Interval(Unit.MONTH, 1)]
    ),
    time_zone=st.sampled_from(["Asia/Jakarta", "Europe/Berlin"]),
    trial_days=st.sampled_from([0, 0, 7]),
    trial_amount=st.just(Money(IDR, 1)),
    cycles=st.sampled_from([None, 1, 3]),
    when_unpaid=st.sampled_from(WhenUnpaid),
    notice_days=st.sampled_from([0, 3]),
    created_at=st.just(START),
)
#: Times by which the clock moves forward.
jumps = st.one_of(
    st.integers(1, 36).map(lambda hours: timedelta(hours=hours)),
    st.integers(1, 40).map(lambda days: timedelta(days=days)),
    st.just(timedelta(days=400)),
)

#: The events that end a subscription, and with it every planned change.
_OVER = {SubscriptionEvent.CANCELLED, SubscriptionEvent.ENDED}
#: For each planned change, the events which report that the change was done or withdrawn.
EVENTS_OF_PLAN = {
    "cancel_at": {SubscriptionEvent.CANCEL_WITHDRAWN, *_OVER},
    "pause_at": {SubscriptionEvent.PAUSE_WITHDRAWN, SubscriptionEvent.PAUSED, *_OVER},
    "resumes_at": {
        SubscriptionEvent.PAUSE_WITHDRAWN,
        SubscriptionEvent.RESUME_WITHDRAWN,
        SubscriptionEvent.RESUMED,
        *_OVER,
    },
}

#: More turns than the longest jump of the clock needs.
TURNS_MAX = 100


class SubscriptionMachine(RuleBasedStateMachine):
    """One subscription. Hypothesis chooses the commands, the clock and the results of payments."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.ids = SortableIds(iter(range(10**9)).__next__)
        #: Every charge: its period, the number of its attempt, and its time.
        self.charged: list[tuple[int, int, datetime]] = []
        #: The renewals that are not open any more, by period.
        self.closed: dict[int, Renewal] = {}
        self.ended_at: datetime | None = None
        self.events: list[Event] = []
        #: The withdrawn attempts: period and number.
        self.withdrawn: set[tuple[int, int]] = set()

    @initialize(plan=plans, test_clock=st.booleans())
    def sign_up(self, plan: Plan, test_clock: bool) -> None:
        period = first_period(plan)
        sign_up = Renewal(
            period=period,
            due_at=START,
            amount=first_amount(plan),
            reference="SUB",
            attempts=(SIGN_UP,),
        )
        self.engine_rules = Rules(
            timetable=Timetable(),
            incomplete_for=INCOMPLETE_FOR,
            no_payment_for=timedelta(hours=1),
            unresolved_for=timedelta(days=7),
            catch_up=CatchUp(START if test_clock else None),
        )
        self.test_clock = test_clock
        self.subscription = Subscription(
            id=SubscriptionId("sub_1"),
            plan=plan,
            reference="SUB",
            shopper_reference="shopper-1",
            return_url="https://shop.example/return",
            amount=plan.amount,
            created_at=START,
            settled_period=period - 1,
            renewal=sign_up,
        )
        self.take_turns()

    # Rules -------------------------------------------------------------------------------------

    @rule(by=jumps)
    def time_passes(self, by: timedelta) -> None:
        self.now += by
        self.take_turns()

    @precondition(lambda self: self.unsent() is not None)
    @rule()
    def charge_is_sent(self) -> None:
        unsent = self.unsent()
        assert unsent
        self.put(replace(unsent, is_sent=True))
        self.take_turns()

    @precondition(lambda self: self.sent() is not None)
    @rule()
    def charge_is_paid(self) -> None:
        self.settle(Status.AUTHORISED, None)

    @precondition(lambda self: self.sent() is not None)
    @rule(reason=st.sampled_from(Reason))
    def charge_is_refused(self, reason: Reason) -> None:
        self.settle(Status.REFUSED, reason)

    @precondition(
        lambda self: self.subscription.renewal is not None and self.subscription.renewal.attempts
    )
    @rule()
    def refused_attempt_becomes_paid(self) -> None:
        assert self.subscription.renewal
        first = self.subscription.renewal.attempts[0]
        if first.status is Status.REFUSED and first.payment_id:
            self.put(replace(first, status=Status.AUTHORISED, paid_at=self.now))
            self.take_turns()

    @rule(permission=st.sampled_from(Permission))
    def token_changes(self, permission: Permission) -> None:
        if permission is Permission.MISSING and self.subscription.state is not State.INCOMPLETE:
            return
        self.subscription = replace(self.subscription, permission=permission)
        self.take_turns()

    @rule(at=st.sampled_from(When))
    def shop_cancels(self, at: When) -> None:
        self.command(lambda: commands.cancel(self.subscription, self.now, at))

    @rule(at=st.sampled_from(When), resumes_in=st.one_of(st.none(), jumps))
    def shop_pauses(self, at: When, resumes_in: timedelta | None) -> None:
        begins = self.subscription.paid_until if at is When.PERIOD_END else None
        resumes_at = max(begins or self.now, self.now) + resumes_in if resumes_in else None
        self.command(lambda: commands.pause(self.subscription, self.now, at, resumes_at))

    @rule()
    def shop_resumes(self) -> None:
        self.command(lambda: commands.resume(self.subscription, self.now))

    @rule(resumes_in=st.one_of(st.none(), jumps))
    def shop_plans_to_resume(self, resumes_in: timedelta | None) -> None:
        at = (self.subscription.pause_at or self.now) + resumes_in if resumes_in else None
        self.command(lambda: commands.resume_later(self.subscription, self.now, at))

    @rule()
    def shop_changes_the_amount(self) -> None:
        self.command(
            lambda: commands.change_amount(self.subscription, self.now, Money(IDR, 60_000))
        )

    @rule()
    def shop_moves_to_another_token(self) -> None:
        self.command(lambda: commands.use_token(self.subscription, self.now, "tok_2"))

    # Invariants ---------------------------------------------------------------------------------

    @invariant()
    def a_period_has_at_most_one_open_attempt(self) -> None:
        renewals = [
            *self.closed.values(),
            *([self.subscription.renewal] if self.subscription.renewal else []),
        ]
        for renewal in renewals:
            open_attempts = [attempt for attempt in renewal.attempts if not attempt.is_final]
            assert len(open_attempts) <= 1, renewal

    @invariant()
    def no_charge_that_is_not_owed_is_left_unsent(self) -> None:
        if self.subscription.state is State.PAUSED or self.subscription.state in OVER:
            assert self.unsent() is None
        for renewal in self.closed.values():
            assert renewal.unsent is None
            unsent = {
                (renewal.period, attempt.number)
                for attempt in renewal.attempts
                if not attempt.is_sent
            }
            assert unsent <= self.withdrawn

    @invariant()
    def no_attempt_is_made_twice(self) -> None:
        counts = Counter((period, number) for period, number, _ in self.charged)
        assert set(counts.values()) <= {1}

    @invariant()
    def no_period_is_skipped(self) -> None:
        first = first_period(self.subscription.plan)
        if self.subscription.begun_at:
            assert [*range(first, self.subscription.settled_period + 1)] == sorted(
                period for period in self.closed if period <= self.subscription.settled_period
            )

    @invariant()
    def no_more_periods_are_charged_than_agreed(self) -> None:
        if self.subscription.plan.cycles is not None:
            assert all(period <= self.subscription.plan.cycles for period, _, _ in self.charged)

    @invariant()
    def nothing_is_charged_after_the_end(self) -> None:
        if self.ended_at and not self.test_clock:
            assert all(at <= self.ended_at for _, _, at in self.charged)
        if self.subscription.state in OVER:
            assert self.subscription.due_at is None

    @invariant()
    def another_turn_before_the_due_time_changes_nothing(self) -> None:
        repeated = advance(self.subscription, self.now, self.engine_rules, self.ids)
        assert (repeated.events, repeated.renewals, repeated.charge) == ((), (), None)
        if self.subscription.due_at is not None and self.subscription.due_at > self.now:
            early = advance(
                self.subscription,
                self.subscription.due_at - timedelta(microseconds=1),
                self.engine_rules,
                self.ids,
            )
            assert (early.events, early.renewals, early.charge) == ((), (), None)

    @invariant()
    def a_subscription_that_has_not_ended_has_a_next_turn_or_an_open_attempt(self) -> None:
        if self.subscription.state in ALIVE and not self.open_attempt():
            assert self.subscription.due_at is not None

    @invariant()
    def planned_changes_are_in_the_future(self) -> None:
        planned = (
            self.subscription.cancel_at,
            self.subscription.pause_at,
            self.subscription.resumes_at,
        )
        if self.subscription.trial_left is None and not self.open_attempt():
            assert all(at is None or at > self.now for at in planned), planned
        if self.subscription.state in OVER:
            assert planned == (None, None, None)

    @invariant()
    def a_paused_trial_keeps_its_remaining_time(self) -> None:
        if self.subscription.trial_left is not None:
            assert self.subscription.state is State.PAUSED
            assert self.subscription.settled_period == 0
            assert self.subscription.trial_left <= timedelta(days=7)

    @invariant()
    def a_shopper_who_owes_without_a_token_has_a_payment_link(self) -> None:
        renewal = self.subscription.renewal
        if renewal is None or self.subscription.state is not State.PAST_DUE or self.open_attempt():
            return
        if self.subscription.permission is not Permission.GIVEN:
            assert renewal.link_id
            assert renewal.next_try is None
            failed = [
                event for event in self.events if event.kind is SubscriptionEvent.RENEWAL_FAILED
            ]
            assert failed[-1].reason is Reason.TOKEN_GONE
        if renewal.next_try is not None:
            assert renewal.next_try > self.now

    # Helpers ------------------------------------------------------------------------------------

    def open_attempt(self) -> Attempt | None:
        return self.subscription.renewal.unresolved if self.subscription.renewal else None

    def unsent(self) -> Attempt | None:
        return self.subscription.renewal.unsent if self.subscription.renewal else None

    def sent(self) -> Attempt | None:
        attempt = self.open_attempt()
        return attempt if attempt and attempt.is_sent else None

    def settle(self, status: Status, reason: Reason | None) -> None:
        """End the open attempt with this status."""
        attempt = self.open_attempt()
        assert attempt
        assert (
            self.subscription.renewal and self.subscription.renewal.period,
            attempt.number,
        ) not in self.withdrawn
        paid_at = self.now if status is Status.AUTHORISED else None
        self.put(replace(attempt, status=status, reason=reason, paid_at=paid_at))
        self.take_turns()

    def put(self, attempt: Attempt) -> None:
        """Replace the attempt with the same number in the subscription's renewal."""
        assert self.subscription.renewal
        attempts = tuple(
            attempt if one.number == attempt.number else one
            for one in self.subscription.renewal.attempts
        )
        self.subscription = replace(
            self.subscription, renewal=replace(self.subscription.renewal, attempts=attempts)
        )

    def command(self, make_turn: Callable[[], Turn]) -> None:
        """Do a shop's command, if the subscription's state allows it."""
        try:
            self.apply(make_turn())
        except IllegalMove:
            return
        self.take_turns()

    def take_turns(self) -> None:
        """Take turns as a worker does, until no turn is due or a charge must be sent."""
        for _ in range(TURNS_MAX):
            turn = advance(self.subscription, self.now, self.engine_rules, self.ids)
            self.apply(turn)
            # A turn that is due now already must follow at once.
            if turn.charge or turn.subscription.due_at != self.now:
                return

    def apply(self, turn: Turn) -> None:
        """Store the result of a turn, and check what it changed."""
        was_over = self.subscription.state in OVER
        kinds = {event.kind for event in turn.events}
        for planned, expected in EVENTS_OF_PLAN.items():
            if getattr(self.subscription, planned) and not getattr(turn.subscription, planned):
                assert kinds & expected, f"{planned} is removed without an event"
        if turn.charge:
            self.check_charge(turn, turn.charge)
        self.subscription = turn.subscription
        self.events += turn.events
        for renewal in turn.renewals:
            if renewal.outcome is not Outcome.OPEN:
                assert self.closed.get(renewal.period, renewal).paid is None or renewal.paid
                self.closed[renewal.period] = renewal
            for one in renewal.attempts:
                if one.is_withdrawn:
                    self.withdrawn.add((renewal.period, one.number))
        if self.subscription.state in OVER and not was_over:
            self.ended_at = self.now
        if turn.charge:
            payment_id = PaymentId(f"pay_{len(self.charged)}")
            self.put(replace(turn.charge, payment_id=payment_id, is_sent=False))

    def check_charge(self, turn: Turn, charge: Attempt) -> None:
        """Check that a turn may make this charge, and record it."""
        subscription = turn.subscription
        assert subscription.renewal
        period = subscription.renewal.period
        assert subscription.begun_at, "a charge before the beginning"
        assert subscription.state in {State.ACTIVE, State.PAST_DUE}, subscription.state
        assert subscription.permission is Permission.GIVEN
        assert period not in self.closed, "a charge of a settled period"
        assert all(one.is_final and not one.is_paid for one in subscription.renewal.attempts[:-1])
        assert subscription.start_of(period) <= charge.at < subscription.start_of(period + 1), (
            "a charge outside its period"
        )
        assert charge.at <= self.now
        assert (subscription.cancel_at, subscription.pause_at) == (None, None), (
            "a charge although a cancellation or a pause is planned"
        )
        self.charged.append((period, charge.number, charge.at))


SubscriptionMachineTest = SubscriptionMachine.TestCase
SubscriptionMachineTest.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


def subscribed(test_clock: bool, **more: object) -> SubscriptionMachine:
    """An active monthly subscription; `more` are additional fields of its plan.

    With `test_clock` every period is charged if the clock jumps over several periods.
    """
    machine = SubscriptionMachine()
    plan = Plan(
        id=PlanId("pln_1"),
        reference="GOLD",
        amount=Money(IDR, 50_000),
        interval=Interval(Unit.MONTH, 1),
        trial_amount=Money(IDR, 1),
        created_at=START,
        **more,  # type: ignore[arg-type]
    )
    machine.sign_up(plan, test_clock)
    machine.charge_is_paid()
    machine.token_changes(Permission.GIVEN)
    return machine


def pay_all(machine: SubscriptionMachine) -> None:
    """Pay every charge until none is open."""
    while machine.open_attempt():
        machine.charge_is_paid()
        machine.no_period_is_skipped()


def test_if_the_test_clock_jumps_a_year_twelve_periods_are_charged_in_order() -> None:
    machine = subscribed(True)
    machine.time_passes(timedelta(days=365))
    pay_all(machine)

    assert [*range(2, 14)] == [period for period, _, _ in machine.charged]
    assert sorted(at for _, _, at in machine.charged) == [at for _, _, at in machine.charged]


def test_after_a_year_of_downtime_one_period_is_charged_and_eleven_are_reported() -> None:
    machine = subscribed(False)
    machine.time_passes(timedelta(days=365))
    pay_all(machine)
    missed = [event for event in machine.events if event.kind is SubscriptionEvent.RENEWAL_MISSED]

    assert [period for period, _, _ in machine.charged] == [13]
    assert [*range(2, 13)] == [event.renewal.period for event in missed if event.renewal]


def test_after_no_balance_the_charge_is_retried_on_days_1_3_5_and_7_at_ten() -> None:
    machine = subscribed(False)
    machine.time_passes(timedelta(days=28))
    while machine.subscription.state is not State.CANCELLED:
        machine.charge_is_refused(Reason.NO_BALANCE)
        if machine.subscription.due_at:
            machine.time_passes(machine.subscription.due_at - machine.now)

    # The plan's time zone is seven hours ahead of UTC.
    assert [f"{at + timedelta(hours=7):%d %H:%M}" for _, _, at in machine.charged] == [
        "28 09:00",
        "01 10:00",
        "03 10:00",
        "05 10:00",
        "07 10:00",
    ]
    assert machine.events[-1].kind is SubscriptionEvent.CANCELLED
