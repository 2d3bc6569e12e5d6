"""Advances a subscription: one step after another, until nothing is due.

The functions here are pure. A step depends on the payments, the token, the shop's commands and the
time, never on the order in which Kasir received them. After a step that charges, the renewal waits
for its payment, so no other step follows in that turn. The caller locks the subscription's row,
writes the whole turn in one transaction, and sends the payment after the commit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from kasir.ids import LINK, Ids
from kasir.payments.status import Status
from kasir.subscriptions import dunning
from kasir.subscriptions.dunning import Reason, Timetable
from kasir.subscriptions.events import Event, SubscriptionEvent
from kasir.subscriptions.losing import next_loss, taken_back
from kasir.subscriptions.pausing import paused, resumed
from kasir.subscriptions.plan import WhenUnpaid
from kasir.subscriptions.renewal import Attempt, CatchUp, Outcome, Renewal, closed, reference_of
from kasir.subscriptions.states import OVER, Move, State
from kasir.subscriptions.subscription import Permission, Subscription
from kasir.subscriptions.turn import Turn, after_move, ended, settled

#: The most steps of one turn. If more are due, the next turn is due at once.
STEPS_MAX: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The rules that are the same for every subscription.

    Attributes:
        timetable: When a refused renewal is retried.
        incomplete_for: How long a sign-up may stay unpaid before it lapses.
        no_payment_for: How long an attempt may be without a payment before it is dropped.
        unresolved_for: How long an unknown outcome delays the next period.
        catch_up: At what time a step happens that was due earlier.
    """

    timetable: Timetable
    incomplete_for: timedelta
    no_payment_for: timedelta
    unresolved_for: timedelta
    catch_up: CatchUp


@dataclass(frozen=True, slots=True)
class _Wait:
    """Nothing is due before `until`; if that is None, not before a new fact or command."""

    until: datetime | None = None


_Step = Turn | _Wait


def advance(subscription: Subscription, now: datetime, rules: Rules, ids: Ids) -> Turn:
    """Do all steps that are due by now, at most one charge, and return them as one turn."""
    turn = Turn(subscription=subscription)
    for _ in range(STEPS_MAX):
        step = _Position(turn.subscription, now, rules, ids).step()
        if isinstance(step, _Wait):
            return replace(turn, subscription=replace(turn.subscription, due_at=step.until))
        turn = turn.then(step)
    return replace(turn, subscription=replace(turn.subscription, due_at=now))


@dataclass(frozen=True, slots=True)
class _Position:
    """A subscription at the time `now`; `step` decides its next step."""

    subscription: Subscription
    now: datetime
    rules: Rules
    ids: Ids

    def step(self) -> _Step:
        """The next step, or how long to wait."""
        if self.subscription.state in OVER:
            return _Wait()
        if loss := next_loss(self.subscription):
            return taken_back(self.subscription, loss, self.now)
        if self.subscription.state is State.INCOMPLETE:
            return self._completing()
        cancel_at, pause_at, renewal = (
            self.subscription.cancel_at,
            self.subscription.pause_at,
            self.subscription.renewal,
        )
        if cancel_at and self._is_planned_due(cancel_at):
            return ended(self.subscription, Move.CANCEL, min(cancel_at, self.now))
        if self.subscription.state is State.PAUSED and not (renewal and renewal.paid):
            return self._pausing()
        if (
            pause_at
            and self._is_planned_due(pause_at)
            and not self.subscription.all_periods_settled
        ):
            return paused(self.subscription, min(pause_at, self.now))
        if renewal:
            return self._settling(renewal)
        return self._next_period()

    def _pausing(self) -> _Step:
        """The next step of a paused subscription: resume it as planned, or wait."""
        resumes_at = self.subscription.resumes_at
        if resumes_at and resumes_at <= self.now:
            return resumed(
                self.subscription, self.rules.catch_up.effective_time(resumes_at, self.now)
            )
        # A cancel that is planned for the end of a trial waits while the trial is paused.
        cancel_at = None if self.subscription.trial_left else self.subscription.cancel_at
        return _Wait(min((when for when in (resumes_at, cancel_at) if when), default=None))

    # Signing up ---------------------------------------------------------------------------------

    def _completing(self) -> _Step:
        """The next step of a sign-up: complete it, let it lapse, or wait."""
        sign_up = self.subscription.renewal
        paid = sign_up.paid if sign_up else None
        if sign_up is None or paid is None:
            lapses_at = self.subscription.created_at + self.rules.incomplete_for
            if self.now < lapses_at:
                return _Wait(lapses_at)
            if sign_up and sign_up.unresolved and sign_up.unresolved.payment_id:
                return _Wait()  # When that payment ends, a turn becomes due.
            return ended(self.subscription, Move.LAPSE, self.now)
        if self.subscription.permission is Permission.MISSING:
            return _Wait()  # The sign-up is paid, and its token may come at any time.
        paid_sign_up = closed(sign_up, Outcome.PAID)
        begun = replace(
            self.subscription.begun(paid.paid_at or self.now),
            settled_period=sign_up.period,
            renewal=None,
        )
        begun = replace(begun, announced_period=sign_up.period)
        move = Move.BEGIN_TRIAL if begun.plan.trial_days else Move.COMPLETE
        turn = after_move(begun, move, paid.paid_at or self.now, renewal=paid_sign_up)
        return replace(turn, renewals=(paid_sign_up,))

    # Between periods ----------------------------------------------------------------------------

    def _next_period(self) -> _Step:
        """The next step while no renewal is open: announce or begin a period, end, or wait."""
        period = self.subscription.settled_period + 1
        start = self.subscription.start_of(period)
        if self.subscription.all_periods_settled:
            if self.now < start:
                return self._wait(start)
            at = self.rules.catch_up.effective_time(start, self.now)
            return ended(self.subscription, Move.END, at)
        if announced := self._announce(period, start):
            return announced
        if self.now < start:
            return self._wait(start, self._announcement_at(period, start))
        if self.subscription.state is State.TRIALING:
            return after_move(self.subscription, Move.END_TRIAL, start, renewal=None)
        at = self.rules.catch_up.effective_time(start, self.now)
        if self.subscription.start_of(period + 1) <= at:
            return self._missed(period, start)
        return self._charge(self._renewal(period, start), at)

    def _announcement_at(self, period: int, start: datetime) -> datetime | None:
        """When to announce a period that begins at `start`; None if it is not to be announced."""
        days = self.subscription.plan.notice_days
        if not days or self.subscription.announced_period >= period or self._is_to_stop:
            return None
        return start - timedelta(days=days)

    def _announce(self, period: int, start: datetime) -> Turn | None:
        """Announce a period before it begins; None if no announcement is due now."""
        announce_at = self._announcement_at(period, start)
        if announce_at is None or self.now < announce_at:
            return None
        announced = replace(self.subscription, announced_period=period)
        if self.rules.catch_up.effective_time(announce_at, self.now) >= start:
            return Turn(subscription=announced)
        at = self.rules.catch_up.effective_time(announce_at, self.now)
        coming = self._renewal(period, start)
        event = Event(
            kind=SubscriptionEvent.RENEWAL_DUE,
            at=at,
            renewal=coming,
            due_at=start,
            reason=None if self._may_charge else Reason.TOKEN_GONE,
        )
        return Turn(subscription=announced, events=(event,))

    def _missed(self, period: int, start: datetime) -> Turn:
        """Report a period that passed entirely before a worker ran. The period is not charged."""
        missed = replace(self._renewal(period, start), outcome=Outcome.MISSED)
        event = Event(kind=SubscriptionEvent.RENEWAL_MISSED, at=self.now, renewal=missed)
        subscription = replace(
            self.subscription,
            settled_period=period,
            announced_period=max(self.subscription.announced_period, period),
        )
        return Turn(subscription=subscription, events=(event,), renewals=(missed,))

    def _renewal(self, period: int, start: datetime) -> Renewal:
        """A new renewal for a period, without attempts."""
        reference = reference_of(self.subscription.reference, period, signs_up=False)
        return Renewal(
            period=period, due_at=start, amount=self.subscription.amount, reference=reference
        )

    # A renewal that is open ---------------------------------------------------------------------

    def _settling(self, renewal: Renewal) -> _Step:
        """The next step of an open renewal, which is paid, refused, unresolved or to be retried."""
        if renewal.paid:
            return settled(self.subscription)
        if refused := self._unhandled_refusal(renewal):
            return self._refused(renewal, refused)
        if unresolved := renewal.unresolved:
            return self._unresolved(renewal, unresolved)
        return self._retrying(renewal)

    def _unhandled_refusal(self, renewal: Renewal) -> Attempt | None:
        refused = (one for one in renewal.attempts if one.is_final and not one.refusal_handled)
        return next(refused, None)

    def _refused(self, renewal: Renewal, attempt: Attempt) -> Turn:
        """Handle a refused attempt: plan the retry or make a link, send the event, fall behind."""
        attempts = tuple(
            replace(one, refusal_handled=True) if one.number == attempt.number else one
            for one in renewal.attempts
        )
        planned = replace(renewal, attempts=attempts, next_try=self._next_try(renewal, attempt))
        invites = self._needs_shopper(attempt) and not (planned.link_id or self._is_to_stop)
        if invites:
            planned = replace(planned, link_id=self.ids.new(LINK))
        subscription = replace(self.subscription, renewal=planned)
        event = Event(
            kind=SubscriptionEvent.RENEWAL_FAILED,
            at=attempt.at,
            renewal=planned,
            reason=attempt.reason,
        )
        turn = Turn(
            subscription=subscription,
            events=(event,),
            renewals=(planned,),
            invitations=(planned,) if invites else (),
        )
        if subscription.state is not State.ACTIVE:
            return turn
        behind = replace(
            subscription, behind_since=self.subscription.behind_since or renewal.due_at
        )
        return turn.then(after_move(behind, Move.FALL_BEHIND, attempt.at, renewal=planned))

    def _next_try(self, renewal: Renewal, attempt: Attempt) -> datetime | None:
        if self._needs_shopper(attempt) or self._is_to_stop:
            return None
        return dunning.next_try(
            attempt.reason or Reason.NO_BALANCE,
            due_at=renewal.due_at,
            tried_at=attempt.at,
            failures=renewal.technical_failures,
            zone=self.subscription.plan.time_zone,
            timetable=self.rules.timetable,
        )

    def _needs_shopper(self, last: Attempt) -> bool:
        """Whether nothing can be charged until the shopper links a wallet again.

        `last` is the last attempt.
        """
        return last.reason is Reason.TOKEN_GONE or not self._may_charge

    def _unresolved(self, renewal: Renewal, attempt: Attempt) -> _Step:
        """Wait for the outcome of an attempt, without another charge.

        The period is given up when `unresolved_for` has passed and the next period has begun. An
        attempt that still has no payment after `no_payment_for` is dropped by `RenewalReading`.
        """
        dropped_at = attempt.asked_at + self.rules.no_payment_for
        if attempt.payment_id is None and self.now < dropped_at:
            return self._wait(dropped_at)
        given_up_at = max(
            self.subscription.start_of(renewal.period + 1),
            attempt.asked_at + self.rules.unresolved_for,
        )
        return self._give_up(renewal) if self.now >= given_up_at else self._wait(given_up_at)

    def _retrying(self, renewal: Renewal) -> _Step:
        """The step due first after all attempts failed: end the retries, retry, or give up."""
        last = renewal.last
        if last is None or (last.payment_id is None and self._may_charge):
            # There is no attempt yet, or the last attempt had no token; now there is a token.
            return self._charge(renewal, self.now)
        next_start = self.subscription.start_of(renewal.period + 1)
        ends_at = self._ends_at(renewal, last)
        next_try = renewal.next_try if self._may_charge else None
        first_at = min(when for when in (ends_at, next_try, next_start) if when is not None)
        if self.now < first_at:
            is_lost = last.payment_id is not None and not self._may_charge
            return self._record_lost_token(renewal, last) if is_lost else self._wait(first_at)
        at = self.rules.catch_up.effective_time(first_at, self.now)
        if first_at == ends_at:
            return self._end_retries(renewal, at)
        if next_start <= at:
            return self._give_up(renewal)
        return self._charge(renewal, at)

    def _record_lost_token(self, renewal: Renewal, last: Attempt) -> Turn:
        """Record a failed attempt, because the token was lost after the last attempt.

        The new attempt is handled like a refused attempt: the shopper gets a link, the shop an
        event. When there is a token again, the renewal is charged at once. If the last attempt was
        refused for a lost token, link and event were sent then, and are not sent again.
        """
        turn = self._charge(renewal, self.now)
        if last.reason is not Reason.TOKEN_GONE:
            return turn
        (opened,) = turn.renewals
        attempts = tuple(replace(one, refusal_handled=True) for one in opened.attempts)
        opened = replace(opened, attempts=attempts)
        return Turn(subscription=replace(self.subscription, renewal=opened), renewals=(opened,))

    def _ends_at(self, renewal: Renewal, last: Attempt) -> datetime | None:
        """When the retries end if `last` is the last attempt.

        None if another retry is planned before the end of the timetable.
        """
        if last.reason is Reason.FRAUD:
            return last.at
        since = self.subscription.behind_since or renewal.due_at
        zone, timetable = self.subscription.plan.time_zone, self.rules.timetable
        limit = max(dunning.give_up_at(since, zone, timetable), last.at)
        if self._needs_shopper(last):
            return limit
        if renewal.next_try is None:
            return last.at
        return limit if renewal.next_try > limit else None

    def _end_retries(self, renewal: Renewal, at: datetime) -> Turn:
        """Handle a renewal that is unpaid after its last retry, as the plan says."""
        if self.subscription.plan.when_unpaid is WhenUnpaid.CANCEL:
            return ended(self.subscription, Move.GIVE_UP, at)
        turn = self._give_up(renewal)  # The next period begins a new timetable.
        return replace(turn, subscription=replace(turn.subscription, behind_since=None))

    def _give_up(self, renewal: Renewal) -> Turn:
        """Close a renewal as unpaid, with an event."""
        unpaid = closed(renewal, Outcome.UNPAID)
        event = Event(kind=SubscriptionEvent.RENEWAL_UNPAID, at=self.now, renewal=unpaid)
        subscription = replace(self.subscription, settled_period=renewal.period, renewal=None)
        return Turn(subscription=subscription, events=(event,), renewals=(unpaid,))

    # Helpers ------------------------------------------------------------------------------------

    @property
    def _may_charge(self) -> bool:
        return self.subscription.permission is Permission.GIVEN

    @property
    def _is_to_stop(self) -> bool:
        """Whether a cancel or a pause is planned, so that no further period is charged."""
        return self.subscription.cancel_at is not None or self.subscription.pause_at is not None

    def _charge(self, renewal: Renewal, at: datetime) -> Turn:
        """A turn that adds an attempt to a renewal, and charges it if there is a token."""
        attempt = Attempt(
            number=len(renewal.attempts) + 1, at=at, asked_at=self.now, status=Status.CREATED
        )
        if not self._may_charge:
            # Without a token, the attempt is recorded as failed, and never sent.
            attempt = replace(attempt, status=Status.FAILED, reason=Reason.TOKEN_GONE)
        opened = replace(renewal, attempts=(*renewal.attempts, attempt), next_try=None)
        subscription = replace(self.subscription, renewal=opened)
        charge = None if attempt.is_final else attempt
        return Turn(subscription=subscription, renewals=(opened,), charge=charge)

    def _is_planned_due(self, planned_at: datetime | None) -> bool:
        """Whether a planned cancel or pause is due: the paid time is over, no step comes first."""
        if planned_at is None or self.subscription.is_paid_for(self.now):
            return False
        return not self._another_comes_first(planned_at)

    def _another_comes_first(self, planned_at: datetime) -> bool:
        """Whether another step comes before a cancel or pause planned for `planned_at`."""
        renewal = self.subscription.renewal
        if renewal and renewal.paid:
            return True
        if self.subscription.state is State.PAUSED:
            resumes_at = self.subscription.resumes_at
            return resumes_at is not None and resumes_at < planned_at and resumes_at <= self.now
        return renewal is not None and self._unhandled_refusal(renewal) is not None

    def _wait(self, *until: datetime | None) -> _Wait:
        """Wait until the first of these times, or until a planned cancel or pause."""
        planned = (self.subscription.cancel_at, self.subscription.pause_at)
        return _Wait(min(when for when in (*until, *planned) if when is not None))
