-- name: add_plan(id, reference, currency, minor_units, unit, count, time_zone, trial_days, trial_minor_units, cycles, when_unpaid, on_dispute, on_full_refund, notice_days, created_at)!
INSERT INTO plan (id, reference, currency, minor_units, unit, count, time_zone, trial_days,
                  trial_minor_units, cycles, when_unpaid, on_dispute, on_full_refund, notice_days,
                  created_at)
VALUES (:id, :reference, :currency, :minor_units, :unit, :count, :time_zone, :trial_days,
        :trial_minor_units, :cycles, :when_unpaid, :on_dispute, :on_full_refund, :notice_days,
        :created_at);

-- name: plan(id)^
SELECT * FROM plan WHERE id = :id;

-- name: plans(most)
SELECT * FROM plan ORDER BY created_at DESC, id DESC LIMIT :most;

-- name: add_subscription(id, plan_id, reference, shopper_reference, return_url, created_at, starts_at, state, minor_units, settled_period, due_at)!
INSERT INTO subscription (id, plan_id, reference, shopper_reference, return_url, created_at,
                          starts_at, state, minor_units, settled_period, due_at)
VALUES (:id, :plan_id, :reference, :shopper_reference, :return_url, :created_at, :starts_at, :state,
        :minor_units, :settled_period, :due_at);

-- name: lock_unsent(subscription_ids)
-- Locks the payments of these subscriptions whose calls were never sent, because a turn may
-- withdraw such a payment. Payments are locked before subscriptions, so a turn begins with this
-- statement.
SELECT id FROM payment
WHERE id IN (
    SELECT attempt.payment_id
    FROM unnest(:subscription_ids::text[]) AS wanted (id)
    JOIN renewal_attempt AS attempt ON attempt.subscription_id = wanted.id
    JOIN question ON question.payment_id = attempt.payment_id AND question.kind = 'payments'
    WHERE attempt.period = (SELECT max(period) FROM renewal WHERE subscription_id = wanted.id)
          AND question.status IS NULL AND question.asked_at = 'epoch' AND question.tries = 0
)
ORDER BY id FOR UPDATE;

-- name: lock_subscriptions(ids)
-- Locks in the order of the ids, so that two transactions that lock several never deadlock.
SELECT subscription.*, plan.reference AS plan_reference, plan.currency,
       plan.minor_units AS plan_minor_units, plan.unit, plan.count, plan.time_zone,
       plan.trial_days, plan.trial_minor_units, plan.cycles, plan.when_unpaid, plan.on_dispute,
       plan.on_full_refund, plan.notice_days, plan.created_at AS plan_created_at
FROM subscription JOIN plan ON plan.id = subscription.plan_id
WHERE subscription.id = ANY (:ids::text[])
ORDER BY subscription.id FOR UPDATE OF subscription;

-- name: subscriptions(ids)
SELECT subscription.*, plan.reference AS plan_reference, plan.currency,
       plan.minor_units AS plan_minor_units, plan.unit, plan.count, plan.time_zone,
       plan.trial_days, plan.trial_minor_units, plan.cycles, plan.when_unpaid, plan.on_dispute,
       plan.on_full_refund, plan.notice_days, plan.created_at AS plan_created_at
FROM subscription JOIN plan ON plan.id = subscription.plan_id
WHERE subscription.id = ANY (:ids::text[]);

-- name: subscriptions_of(state, shopper_reference, plan_id, reference, after, most)
-- The subscriptions that match, newest first, beginning after the subscription with the id `after`.
-- An empty parameter matches all.
SELECT id FROM subscription
WHERE (:state = '' OR state = :state)
      AND (:shopper_reference = '' OR shopper_reference = :shopper_reference)
      AND (:plan_id = '' OR plan_id = :plan_id)
      AND (:reference = '' OR reference = :reference)
      AND (:after = '' OR (created_at, id)
           < (SELECT last.created_at, last.id FROM subscription AS last WHERE last.id = :after))
ORDER BY created_at DESC, id DESC LIMIT :most;

-- name: is_subscription(id)$
SELECT EXISTS (SELECT FROM subscription WHERE id = :id);

-- name: write_turns(ids, states, prices, begun_ats, anchors, anchor_periods, settled_periods, noticeds, cancel_ats, pause_ats, resumes_ats, trial_lefts, behind_sinces, token_ids, due_ats, renewal_ids, periods, period_due_ats, currencies, amounts, references_, outcomes, next_tries, link_ids, attempt_ids, attempt_periods, numbers, ats, asked_ats, statuses, refusals_handled, payment_ids, shop_keys)!
-- Writes subscriptions after their turns, with the renewals and attempts that changed. This is one
-- statement for speed, because it runs twice for every renewal. `shop_key` is written only with a
-- new attempt. `taken_until` is cleared, so that the next turn can be found.
WITH renewals AS (
    INSERT INTO renewal (subscription_id, period, due_at, currency, minor_units, reference, outcome,
                         next_try, link_id)
    SELECT * FROM unnest(
        :renewal_ids::text[], :periods::integer[], :period_due_ats::timestamptz[],
        :currencies::text[], :amounts::bigint[], :references_::text[], :outcomes::text[],
        :next_tries::timestamptz[], :link_ids::text[])
    ON CONFLICT (subscription_id, period) DO UPDATE
    SET outcome = EXCLUDED.outcome, next_try = EXCLUDED.next_try, link_id = EXCLUDED.link_id
), attempts AS (
    INSERT INTO renewal_attempt (subscription_id, period, number, at, asked_at, status,
                                 refusal_handled, payment_id, shop_key)
    SELECT * FROM unnest(
        :attempt_ids::text[], :attempt_periods::integer[], :numbers::integer[],
        :ats::timestamptz[], :asked_ats::timestamptz[], :statuses::text[],
        :refusals_handled::boolean[], :payment_ids::text[], :shop_keys::text[])
    ON CONFLICT (subscription_id, period, number) DO UPDATE
    SET status = EXCLUDED.status, refusal_handled = EXCLUDED.refusal_handled
)
UPDATE subscription
SET state = after.state, minor_units = after.minor_units, begun_at = after.begun_at,
    anchor = after.anchor, anchor_period = after.anchor_period,
    settled_period = after.settled_period, noticed = after.noticed, cancel_at = after.cancel_at,
    pause_at = after.pause_at, resumes_at = after.resumes_at, trial_left = after.trial_left,
    behind_since = after.behind_since, token_id = after.token_id, due_at = after.due_at,
    taken_until = NULL
FROM unnest(
    :ids::text[], :states::text[], :prices::bigint[], :begun_ats::timestamptz[],
    :anchors::timestamptz[], :anchor_periods::integer[], :settled_periods::integer[],
    :noticeds::integer[], :cancel_ats::timestamptz[], :pause_ats::timestamptz[],
    :resumes_ats::timestamptz[], :trial_lefts::interval[], :behind_sinces::timestamptz[],
    :token_ids::text[], :due_ats::timestamptz[])
    AS after (id, state, minor_units, begun_at, anchor, anchor_period, settled_period, noticed,
              cancel_at, pause_at, resumes_at, trial_left, behind_since, token_id, due_at)
WHERE subscription.id = after.id;

-- name: adopt_sign_ups(subscription_ids)!
-- Gives each attempt without a payment the payment that the shop's request opened, if there is one.
-- The request has the attempt's `shop_key` as its idempotency key.
UPDATE renewal_attempt AS attempt
SET payment_id = question.payment_id
FROM shop_request JOIN question ON question.key = shop_request.question_key
WHERE attempt.subscription_id = ANY (:subscription_ids::text[]) AND attempt.payment_id IS NULL
      AND shop_request.key = attempt.shop_key;

-- name: drop_unopened(subscription_ids, asked_until, now)!
-- Drops attempts that the shopper was to pay and for which no payment was opened. The statement
-- claims the attempt's `shop_key`, the idempotency key of the request that would open the payment,
-- so that the payment cannot be opened later. If a transaction is opening the payment, the
-- statement waits for that transaction and keeps the attempt. An incomplete subscription keeps its
-- attempt, because the shop may repeat the request to sign up.
WITH taken AS (
    INSERT INTO shop_request (key, fingerprint, question_key, at)
    SELECT attempt.shop_key, '', '', :now
    FROM renewal_attempt AS attempt JOIN subscription ON subscription.id = attempt.subscription_id
    WHERE attempt.subscription_id = ANY (:subscription_ids::text[]) AND attempt.payment_id IS NULL
          AND attempt.status = 'created' AND attempt.asked_at <= :asked_until
          AND attempt.shop_key IS NOT NULL AND subscription.state <> 'incomplete'
    ORDER BY attempt.shop_key
    ON CONFLICT (key) DO NOTHING
    RETURNING key
)
UPDATE renewal_attempt AS attempt SET status = 'expired', refusal_handled = true
FROM taken
WHERE attempt.subscription_id = ANY (:subscription_ids::text[]) AND attempt.shop_key = taken.key;

-- name: adopt_from_links(subscription_ids)!
-- Adds the payments that the shopper made by a renewal's link to the attempts of that renewal.
INSERT INTO renewal_attempt (subscription_id, period, number, at, asked_at, status, payment_id)
SELECT renewal.subscription_id, renewal.period,
       COALESCE((SELECT max(number) FROM renewal_attempt AS attempt
                 WHERE attempt.subscription_id = renewal.subscription_id
                       AND attempt.period = renewal.period), 0)
           + row_number() OVER (PARTITION BY renewal.subscription_id, renewal.period
                                ORDER BY payment.created_at, payment.id),
       payment.created_at, payment.created_at, payment.status, payment.id
FROM renewal JOIN payment ON payment.link_id = renewal.link_id
WHERE renewal.subscription_id = ANY (:subscription_ids::text[]) AND renewal.link_id <> ''
      AND NOT EXISTS (SELECT FROM renewal_attempt WHERE payment_id = payment.id)
ON CONFLICT DO NOTHING;

-- name: last_renewals(subscription_ids)
-- The newest renewal of each subscription, with a row for each attempt. `words` are the texts of
-- all facts by which the attempt's payment was not paid. `unasked` is true if the payment's call
-- was never sent. `may_be_overpaid` is true if the subscription may have a newly overpaid attempt.
SELECT renewal.subscription_id, renewal.period, renewal.due_at, renewal.currency,
       renewal.minor_units, renewal.reference, renewal.outcome, renewal.next_try, renewal.link_id,
       attempt.number, attempt.at, attempt.asked_at, attempt.refusal_handled, attempt.payment_id,
       attempt.overpaid, COALESCE(payment.status, attempt.status) AS status, payment.psp_reference,
       question.status IS NULL AND question.asked_at = 'epoch' AND question.tries = 0 AS unasked,
       (SELECT min(fact.at) FROM fact
        WHERE fact.payment_id = payment.id AND fact.says = 'authorised') AS paid_at,
       ARRAY(SELECT fact.words FROM fact
             WHERE fact.payment_id = payment.id
                   AND fact.says IN ('refused', 'failed', 'cancelled', 'expired', 'voided'))
           AS words,
       CASE WHEN payment.status IN ('refused', 'failed') THEN question.answer END AS answer,
       unsettled.period IS NOT NULL AS may_be_overpaid
FROM unnest(:subscription_ids::text[]) AS wanted (id)
CROSS JOIN LATERAL (
    SELECT * FROM renewal WHERE subscription_id = wanted.id ORDER BY period DESC LIMIT 1
) AS renewal
LEFT JOIN LATERAL (
    -- A paid attempt that no turn has settled, except the first attempt of an open period, because
    -- that attempt pays the period. If there is no such row, no attempt is newly overpaid. LIMIT
    -- makes the planner search by subscription; with EXISTS the planner may read the whole table.
    SELECT other.period FROM renewal_attempt AS other
    JOIN payment AS its ON its.id = other.payment_id
    JOIN renewal AS whose USING (subscription_id, period)
    WHERE other.subscription_id = wanted.id AND other.status <> 'authorised' AND NOT other.overpaid
          AND its.status = 'authorised' AND (whose.outcome <> 'open' OR other.number > 1)
    LIMIT 1
) AS unsettled ON true
LEFT JOIN renewal_attempt AS attempt
    ON attempt.subscription_id = renewal.subscription_id AND attempt.period = renewal.period
LEFT JOIN payment ON payment.id = attempt.payment_id
LEFT JOIN question ON question.payment_id = payment.id AND question.kind = 'payments'
ORDER BY renewal.subscription_id, attempt.number;

-- name: paid_attempts(subscription_ids)
-- Every paid attempt, with the columns that decide whether it is overpaid; see
-- `subscriptions/overpaying.py`. `is_settled` is true if a turn has written that it was paid.
SELECT renewal.subscription_id, renewal.period, renewal.due_at, renewal.currency,
       renewal.minor_units, renewal.reference, renewal.outcome, renewal.next_try, renewal.link_id,
       attempt.number, attempt.at, attempt.asked_at, attempt.refusal_handled, attempt.payment_id,
       attempt.overpaid, payment.status, payment.psp_reference, false AS unasked,
       NULL::timestamptz AS paid_at, ARRAY[]::text[] AS words, NULL::bytea AS answer,
       attempt.status = 'authorised' AS is_settled
FROM renewal_attempt AS attempt
JOIN renewal USING (subscription_id, period)
JOIN payment ON payment.id = attempt.payment_id
WHERE attempt.subscription_id = ANY (:subscription_ids::text[]) AND payment.status = 'authorised'
ORDER BY attempt.subscription_id, attempt.period, attempt.number;

-- name: mark_overpaid(subscription_ids, periods, numbers)!
UPDATE renewal_attempt AS attempt SET overpaid = true, status = 'authorised'
FROM unnest(:subscription_ids::text[], :periods::integer[], :numbers::integer[])
    AS one (subscription_id, period, number)
WHERE attempt.subscription_id = one.subscription_id AND attempt.period = one.period
      AND attempt.number = one.number;

-- name: losses(subscription_ids, shopper_references)
-- Disputes and full refunds of renewals that are not handled yet. The search is by shopper, because
-- few payments of a shopper are disputed or refunded. A full refund counts only if it leaves the
-- period unpaid: it does not count if another payment of the period stays paid, or if the refunded
-- payment was overpaid.
SELECT attempt.subscription_id, attempt.period, attempt.number, attempt.payment_id,
       payment.psp_reference,
       payment.disputed AND NOT attempt.dispute_handled AS disputed,
       payment.given_back AND NOT attempt.refund_handled AND NOT attempt.overpaid AND NOT EXISTS (
           SELECT FROM renewal_attempt AS other JOIN payment AS its ON its.id = other.payment_id
           WHERE other.subscription_id = attempt.subscription_id AND other.period = attempt.period
                 AND other.number <> attempt.number AND its.status = 'authorised'
                 AND NOT its.given_back
       ) AS refunded
FROM unnest(:subscription_ids::text[], :shopper_references::text[]) AS wanted (id, shopper)
JOIN payment ON payment.shopper_reference = wanted.shopper AND payment.shopper_reference <> ''
     AND (payment.disputed OR payment.given_back)
JOIN renewal_attempt AS attempt
    ON attempt.payment_id = payment.id AND attempt.subscription_id = wanted.id
ORDER BY attempt.subscription_id, attempt.period, attempt.number;

-- name: handle_losses(subscription_ids, periods, numbers, whys)!
UPDATE renewal_attempt AS attempt
SET dispute_handled = attempt.dispute_handled OR loss.disputed,
    refund_handled = attempt.refund_handled OR loss.refunded
FROM (
    SELECT subscription_id, period, number, bool_or(why = 'disputed') AS disputed,
           bool_or(why = 'refunded') AS refunded
    FROM unnest(:subscription_ids::text[], :periods::integer[], :numbers::integer[],
                :whys::text[]) AS one (subscription_id, period, number, why)
    GROUP BY subscription_id, period, number
) AS loss
WHERE attempt.subscription_id = loss.subscription_id AND attempt.period = loss.period
      AND attempt.number = loss.number;

-- name: renewals_of(subscription_ids, most)
-- The newest renewals of each subscription, a row for each attempt, as in last_renewals.
SELECT renewal.subscription_id, renewal.period, renewal.due_at, renewal.currency,
       renewal.minor_units, renewal.reference, renewal.outcome, renewal.next_try, renewal.link_id,
       attempt.number, attempt.at, attempt.asked_at, attempt.refusal_handled, attempt.payment_id,
       attempt.overpaid, COALESCE(payment.status, attempt.status) AS status, payment.psp_reference,
       false AS unasked, NULL::timestamptz AS paid_at,
       ARRAY(SELECT fact.words FROM fact
             WHERE fact.payment_id = payment.id
                   AND fact.says IN ('refused', 'failed', 'cancelled', 'expired', 'voided'))
           AS words,
       CASE WHEN payment.status IN ('refused', 'failed') THEN question.answer END AS answer
FROM unnest(:subscription_ids::text[]) AS wanted (id)
CROSS JOIN LATERAL (
    SELECT * FROM renewal WHERE subscription_id = wanted.id ORDER BY period DESC LIMIT :most
) AS renewal
LEFT JOIN renewal_attempt AS attempt
    ON attempt.subscription_id = renewal.subscription_id AND attempt.period = renewal.period
LEFT JOIN payment ON payment.id = attempt.payment_id
LEFT JOIN question ON question.payment_id = payment.id AND question.kind = 'payments'
ORDER BY renewal.subscription_id, renewal.period, attempt.number;

-- name: tokens(ids)
SELECT token.*, '' AS model FROM token WHERE token.id = ANY (:ids::text[]);

-- name: tokens_of_payments(subscription_ids, shopper_references, merchant_account)
-- For each subscription, the newest active token that its payments created or saved again; if none
-- of these tokens is active, the newest one.
SELECT DISTINCT ON (wanted.id) wanted.id AS subscription_id, token.*, '' AS model
FROM unnest(:subscription_ids::text[], :shopper_references::text[]) AS wanted (id, shopper)
JOIN renewal_attempt AS attempt ON attempt.subscription_id = wanted.id
JOIN psp_reference ON psp_reference.payment_id = attempt.payment_id
JOIN token_fact ON token_fact.psp_reference = psp_reference.name
JOIN token ON token.id = token_fact.token_id
WHERE token.merchant_account = :merchant_account AND token.shopper_reference = wanted.shopper
ORDER BY wanted.id, token.state = 'active' DESC, token_fact.at DESC, token.id;

-- name: add_changes(subscription_ids, ats, weres, now_ares, moves, monthly_weres, monthly_nows)!
INSERT INTO subscription_change (subscription_id, at, was, now_is, move, monthly_was, monthly_now)
SELECT change.subscription_id, change.at, change.was, change.now_is, change.move,
       change.monthly_was::numeric, change.monthly_now::numeric
FROM unnest(:subscription_ids::text[], :ats::timestamptz[], :weres::text[], :now_ares::text[],
            :moves::text[], :monthly_weres::text[], :monthly_nows::text[]) WITH ORDINALITY
    AS change (subscription_id, at, was, now_is, move, monthly_was, monthly_now, ordinal)
ORDER BY change.ordinal;

-- name: schedule(shoppers, payment_ids, now)!
-- Makes the next turn of subscriptions due now, because a new fact may have an effect on them: the
-- subscriptions of these shoppers that are not over, and the subscriptions with one of these
-- payments even if they are over. Rows are locked in the order of their ids, so that two
-- transactions that lock several never deadlock.
UPDATE subscription SET due_at = :now, taken_until = NULL
WHERE id IN (
    SELECT id FROM subscription
    WHERE id IN (
        SELECT id FROM subscription
        WHERE shopper_reference = ANY (:shoppers::text[]) AND state NOT IN ('cancelled', 'ended')
        UNION ALL
        SELECT subscription_id FROM renewal_attempt WHERE payment_id = ANY (:payment_ids::text[])
    )
    ORDER BY id FOR UPDATE
);

-- name: due(now, most)
-- Locks due subscriptions. `ctid` is the physical address of a row; see take.
SELECT id, ctid FROM subscription
WHERE due_at <= :now AND (taken_until IS NULL OR taken_until <= :now)
ORDER BY due_at LIMIT :most
FOR UPDATE SKIP LOCKED;

-- name: take(row_addresses, until)!
-- Hides due subscriptions from `due` until `until`. Finds the rows by their physical addresses,
-- which needs no index; the caller has locked the rows, so the addresses stay valid. Only the turn
-- changes `due_at`, because a change of `due_at` updates every index of the table.
UPDATE subscription SET taken_until = :until WHERE ctid = ANY (:row_addresses::tid[]);

-- name: pace(merchant_account, per_s)$
-- How many turns may be queued now: at most `per_s`, less the turns that were queued in the last
-- second. `given_until` is the time up to which the rate is used; give_out moves it forward.
INSERT INTO pace (merchant_account, given_until)
VALUES (:merchant_account, clock_timestamp() - interval '1 second')
ON CONFLICT (merchant_account) DO UPDATE
SET given_until = GREATEST(pace.given_until, clock_timestamp() - interval '1 second')
RETURNING floor(extract(epoch FROM clock_timestamp() - given_until) * :per_s::float8)::integer;

-- name: give_out(merchant_account, seconds)!
UPDATE pace SET given_until = given_until + make_interval(secs => :seconds)
WHERE merchant_account = :merchant_account;

-- name: changes_by_day(until_day)
-- The changes of each day in Jakarta, summed by the states before and after.
SELECT day, was, now_is, count, monthly FROM subscription_day WHERE day < :until_day ORDER BY day;

-- name: changes_by_day_in(time_zone, since, until)
-- As `changes_by_day`, for another time zone: changes since the day in Jakarta in which `since` is
-- are read one by one, and earlier ones from the sums.
SELECT day, was, now_is, count, monthly FROM subscription_day
WHERE day < (:since::timestamptz AT TIME ZONE 'Asia/Jakarta')::date
UNION ALL
SELECT (at AT TIME ZONE :time_zone)::date, was, now_is, count(*), sum(monthly_now - monthly_was)
FROM subscription_change
WHERE at >= (:since::timestamptz AT TIME ZONE 'Asia/Jakarta')::date::timestamp
            AT TIME ZONE 'Asia/Jakarta'
      AND at < :until::timestamptz
GROUP BY 1, 2, 3 ORDER BY 1;

-- name: shop_request(key)^
SELECT fingerprint, question_key FROM shop_request WHERE key = :key;
