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

-- name: add_subscription(id, plan_id, reference, shopper_reference, return_url, created_at, starts_at, state, minor_units, dealt, due_at)!
INSERT INTO subscription (id, plan_id, reference, shopper_reference, return_url, created_at,
                          starts_at, state, minor_units, dealt, due_at)
VALUES (:id, :plan_id, :reference, :shopper_reference, :return_url, :created_at, :starts_at, :state,
        :minor_units, :dealt, :due_at);

-- name: lock_subscription(id)^
SELECT subscription.*, plan.reference AS plan_reference, plan.currency,
       plan.minor_units AS plan_minor_units, plan.unit, plan.count, plan.time_zone,
       plan.trial_days, plan.trial_minor_units, plan.cycles, plan.when_unpaid, plan.on_dispute,
       plan.on_full_refund, plan.notice_days, plan.created_at AS plan_created_at
FROM subscription JOIN plan ON plan.id = subscription.plan_id
WHERE subscription.id = :id
FOR UPDATE OF subscription;

-- name: lock_unsent(subscription_id)
-- The payments of a subscription that were decided on and never sent, which a turn may withdraw.
-- Payments are locked before the subscription, and this is how its turn begins.
SELECT id FROM payment
WHERE id IN (
    SELECT attempt.payment_id FROM renewal_attempt AS attempt
    JOIN question ON question.payment_id = attempt.payment_id AND question.kind = 'payments'
    WHERE attempt.subscription_id = :subscription_id
          AND attempt.period = (SELECT max(period) FROM renewal
                                WHERE subscription_id = :subscription_id)
          AND question.status IS NULL AND question.asked_at = 'epoch' AND question.tries = 0
)
ORDER BY id FOR UPDATE;

-- name: subscription(id)^
SELECT subscription.*, plan.reference AS plan_reference, plan.currency,
       plan.minor_units AS plan_minor_units, plan.unit, plan.count, plan.time_zone,
       plan.trial_days, plan.trial_minor_units, plan.cycles, plan.when_unpaid, plan.on_dispute,
       plan.on_full_refund, plan.notice_days, plan.created_at AS plan_created_at
FROM subscription JOIN plan ON plan.id = subscription.plan_id
WHERE subscription.id = :id;

-- name: subscriptions_of(state, shopper_reference, plan_id, reference, after, most)
-- Newest first, after the one named; an empty word asks for any.
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

-- name: write_turn(id, state, minor_units, begun_at, anchor, anchor_period, dealt, noticed, cancel_at, pause_at, resumes_at, trial_left, behind_since, token_id, due_at, periods, due_ats, currencies, amounts, references_, outcomes, next_tries, link_ids, of_periods, numbers, ats, asked_ats, statuses, tolds, payment_ids)!
-- A subscription as it now stands, with the renewals and attempts that changed: in one statement,
-- since this is written twice for every renewal.
WITH opened AS (
    INSERT INTO renewal (subscription_id, period, due_at, currency, minor_units, reference, outcome,
                         next_try, link_id)
    SELECT :id, news.*
    FROM unnest(:periods::integer[], :due_ats::timestamptz[], :currencies::text[],
                :amounts::bigint[], :references_::text[], :outcomes::text[],
                :next_tries::timestamptz[], :link_ids::text[]) AS news
    ON CONFLICT (subscription_id, period) DO UPDATE
    SET outcome = EXCLUDED.outcome, next_try = EXCLUDED.next_try, link_id = EXCLUDED.link_id
), tried AS (
    INSERT INTO renewal_attempt (subscription_id, period, number, at, asked_at, status, told,
                                 payment_id)
    SELECT :id, news.*
    FROM unnest(:of_periods::integer[], :numbers::integer[], :ats::timestamptz[],
                :asked_ats::timestamptz[], :statuses::text[], :tolds::boolean[],
                :payment_ids::text[]) AS news
    ON CONFLICT (subscription_id, period, number) DO UPDATE
    SET status = EXCLUDED.status, told = EXCLUDED.told
)
UPDATE subscription
SET state = :state, minor_units = :minor_units, begun_at = :begun_at, anchor = :anchor,
    anchor_period = :anchor_period, dealt = :dealt, noticed = :noticed, cancel_at = :cancel_at,
    pause_at = :pause_at, resumes_at = :resumes_at, trial_left = :trial_left,
    behind_since = :behind_since, token_id = :token_id, due_at = :due_at, taken_until = NULL
WHERE id = :id;

-- name: write_renewal(subscription_id, period, due_at, currency, minor_units, reference, outcome, next_try, link_id)!
INSERT INTO renewal (subscription_id, period, due_at, currency, minor_units, reference, outcome,
                     next_try, link_id)
VALUES (:subscription_id, :period, :due_at, :currency, :minor_units, :reference, :outcome,
        :next_try, :link_id)
ON CONFLICT (subscription_id, period) DO NOTHING;

-- name: write_attempt(subscription_id, period, number, at, asked_at, status, told, payment_id, shop_key)!
-- One that the shopper is to pay: its payment will come under the shop key.
INSERT INTO renewal_attempt (subscription_id, period, number, at, asked_at, status, told,
                             payment_id, shop_key)
VALUES (:subscription_id, :period, :number, :at, :asked_at, :status, :told, :payment_id, :shop_key)
ON CONFLICT (subscription_id, period, number) DO NOTHING;

-- name: adopt_sign_up(subscription_id)!
-- A payment that the shop's request made is an attempt's once it is there.
UPDATE renewal_attempt AS attempt
SET payment_id = question.payment_id
FROM shop_request JOIN question ON question.key = shop_request.question_key
WHERE attempt.subscription_id = :subscription_id AND attempt.payment_id IS NULL
      AND shop_request.key = attempt.shop_key;

-- name: drop_unopened(subscription_id, asked_until, now)!
-- An attempt that the shopper was to pay and that nobody opened a payment for is dropped. The key
-- its payment would have come under is taken in the same statement: so none can be opened later,
-- and one that is being opened is waited for and left alone. A sign-up may still be asked for anew
-- under its own key.
WITH taken AS (
    INSERT INTO shop_request (key, fingerprint, question_key, at)
    SELECT attempt.shop_key, '', '', :now
    FROM renewal_attempt AS attempt JOIN subscription ON subscription.id = attempt.subscription_id
    WHERE attempt.subscription_id = :subscription_id AND attempt.payment_id IS NULL
          AND attempt.status = 'created' AND attempt.asked_at <= :asked_until
          AND attempt.shop_key IS NOT NULL AND subscription.state <> 'incomplete'
    ON CONFLICT (key) DO NOTHING
    RETURNING key
)
UPDATE renewal_attempt AS attempt SET status = 'expired', told = true
FROM taken
WHERE attempt.subscription_id = :subscription_id AND attempt.shop_key = taken.key;

-- name: adopt_from_link(subscription_id)!
-- Payments that the shopper made by a renewal's link are attempts of that renewal.
INSERT INTO renewal_attempt (subscription_id, period, number, at, asked_at, status, payment_id)
SELECT renewal.subscription_id, renewal.period,
       COALESCE((SELECT max(number) FROM renewal_attempt AS attempt
                 WHERE attempt.subscription_id = renewal.subscription_id
                       AND attempt.period = renewal.period), 0)
           + row_number() OVER (PARTITION BY renewal.period ORDER BY payment.created_at, payment.id),
       payment.created_at, payment.created_at, payment.status, payment.id
FROM renewal JOIN payment ON payment.link_id = renewal.link_id
WHERE renewal.subscription_id = :subscription_id AND renewal.link_id <> ''
      AND NOT EXISTS (SELECT FROM renewal_attempt WHERE payment_id = payment.id)
ON CONFLICT DO NOTHING;

-- name: last_renewal(subscription_id)
-- The newest renewal with its attempts, a row each, and all that was said against each.
SELECT renewal.period, renewal.due_at, renewal.currency, renewal.minor_units, renewal.reference,
       renewal.outcome, renewal.next_try, renewal.link_id,
       attempt.number, attempt.at, attempt.asked_at, attempt.told, attempt.payment_id,
       attempt.surplus, COALESCE(payment.status, attempt.status) AS status, payment.psp_reference,
       question.status IS NULL AND question.asked_at = 'epoch' AND question.tries = 0 AS unasked,
       (SELECT min(fact.at) FROM fact
        WHERE fact.payment_id = payment.id AND fact.says = 'authorised') AS paid_at,
       ARRAY(SELECT fact.words FROM fact
             WHERE fact.payment_id = payment.id
                   AND fact.says IN ('refused', 'failed', 'cancelled', 'expired', 'voided'))
           AS words,
       CASE WHEN payment.status IN ('refused', 'failed') THEN question.answer END AS answer,
       -- Whether an attempt of any period was paid that nobody took note of, nor waits for.
       EXISTS (
           SELECT FROM renewal_attempt AS other
           JOIN payment AS its ON its.id = other.payment_id
           JOIN renewal AS whose USING (subscription_id, period)
           WHERE other.subscription_id = :subscription_id AND other.status <> 'authorised'
                 AND NOT other.surplus AND its.status = 'authorised'
                 AND (whose.outcome <> 'open' OR other.number > 1)
       ) AS may_be_surplus
FROM renewal
LEFT JOIN renewal_attempt AS attempt USING (subscription_id, period)
LEFT JOIN payment ON payment.id = attempt.payment_id
LEFT JOIN question ON question.payment_id = payment.id AND question.kind = 'payments'
WHERE renewal.subscription_id = :subscription_id
      AND renewal.period = (SELECT max(period) FROM renewal
                            WHERE subscription_id = :subscription_id)
ORDER BY attempt.number;

-- name: mark_surplus(subscription_id)
-- Money for a period that needed none any more: another attempt had paid it, as far as was taken
-- note of, else the one before; or it was given up and nobody waits for it now.
UPDATE renewal_attempt AS attempt SET surplus = true, status = payment.status
FROM payment, renewal, subscription
WHERE attempt.subscription_id = :subscription_id AND attempt.status <> 'authorised'
      AND NOT attempt.surplus
      AND payment.id = attempt.payment_id AND payment.status = 'authorised'
      AND renewal.subscription_id = attempt.subscription_id AND renewal.period = attempt.period
      AND subscription.id = attempt.subscription_id
      AND (
          EXISTS (
              SELECT FROM renewal_attempt AS other JOIN payment AS its ON its.id = other.payment_id
              WHERE other.subscription_id = attempt.subscription_id
                    AND other.period = attempt.period AND other.number <> attempt.number
                    AND NOT other.surplus AND its.status = 'authorised'
                    AND (other.status = 'authorised' OR other.number < attempt.number)
          )
          OR renewal.outcome = 'unpaid' AND (
              renewal.period < subscription.dealt
              OR subscription.state NOT IN ('trialing', 'active', 'past_due')
          )
      )
RETURNING renewal.period, renewal.due_at, renewal.currency, renewal.minor_units, renewal.reference,
          renewal.outcome, renewal.next_try, renewal.link_id, attempt.number, attempt.at,
          attempt.asked_at, attempt.told, attempt.surplus, attempt.payment_id, payment.status,
          payment.psp_reference, NULL::timestamptz AS paid_at, ARRAY[]::text[] AS words,
          NULL::bytea AS answer, false AS unasked;

-- name: losses(subscription_id, shopper_reference)
-- Payments that were taken back and that nothing was done about: found by the few of the shopper's
-- that were. A refund counts only where it leaves the period without money: of two payments for one
-- period either may be refunded, and one that came needlessly.
SELECT attempt.period, attempt.number, attempt.payment_id, payment.psp_reference,
       payment.disputed AND NOT attempt.dispute_dealt AS disputed,
       payment.given_back AND NOT attempt.refund_dealt AND NOT attempt.surplus AND NOT EXISTS (
           SELECT FROM renewal_attempt AS other JOIN payment AS its ON its.id = other.payment_id
           WHERE other.subscription_id = attempt.subscription_id AND other.period = attempt.period
                 AND other.number <> attempt.number AND its.status = 'authorised'
                 AND NOT its.given_back
       ) AS refunded
FROM payment JOIN renewal_attempt AS attempt ON attempt.payment_id = payment.id
WHERE payment.shopper_reference = :shopper_reference AND payment.shopper_reference <> ''
      AND (payment.disputed OR payment.given_back)
      AND attempt.subscription_id = :subscription_id
ORDER BY attempt.period, attempt.number;

-- name: deal_with(subscription_id, periods, numbers, whys)!
UPDATE renewal_attempt AS attempt
SET dispute_dealt = attempt.dispute_dealt OR loss.disputed,
    refund_dealt = attempt.refund_dealt OR loss.refunded
FROM (
    SELECT period, number, bool_or(why = 'disputed') AS disputed,
           bool_or(why = 'refunded') AS refunded
    FROM unnest(:periods::integer[], :numbers::integer[], :whys::text[])
        AS one (period, number, why)
    GROUP BY period, number
) AS loss
WHERE attempt.subscription_id = :subscription_id AND attempt.period = loss.period
      AND attempt.number = loss.number;

-- name: renewals_of(subscription_id, most)
-- The newest renewals, with all their attempts, a row each; see last_renewal.
SELECT renewal.period, renewal.due_at, renewal.currency, renewal.minor_units, renewal.reference,
       renewal.outcome, renewal.next_try, renewal.link_id,
       attempt.number, attempt.at, attempt.asked_at, attempt.told, attempt.payment_id,
       attempt.surplus, COALESCE(payment.status, attempt.status) AS status, payment.psp_reference,
       false AS unasked, NULL::timestamptz AS paid_at,
       ARRAY(SELECT fact.words FROM fact
             WHERE fact.payment_id = payment.id
                   AND fact.says IN ('refused', 'failed', 'cancelled', 'expired', 'voided'))
           AS words,
       CASE WHEN payment.status IN ('refused', 'failed') THEN question.answer END AS answer
FROM (SELECT * FROM renewal WHERE subscription_id = :subscription_id
      ORDER BY period DESC LIMIT :most) AS renewal
LEFT JOIN renewal_attempt AS attempt USING (subscription_id, period)
LEFT JOIN payment ON payment.id = attempt.payment_id
LEFT JOIN question ON question.payment_id = payment.id AND question.kind = 'payments'
ORDER BY renewal.period, attempt.number;

-- name: token(id)^
SELECT token.*, '' AS model FROM token WHERE token.id = :id;

-- name: token_of_payments(subscription_id, shopper_reference, merchant_account)^
-- The newest token that a payment of this subscription made or saved again; one that holds, if any.
SELECT token.*, '' AS model
FROM token JOIN token_fact ON token_fact.token_id = token.id
JOIN psp_reference ON psp_reference.name = token_fact.psp_reference
JOIN renewal_attempt AS attempt ON attempt.payment_id = psp_reference.payment_id
WHERE token.merchant_account = :merchant_account AND token.shopper_reference = :shopper_reference
      AND attempt.subscription_id = :subscription_id
ORDER BY token.state = 'active' DESC, token_fact.at DESC, token.id LIMIT 1;

-- name: add_changes(subscription_id, ats, weres, now_ares, moves, monthly_weres, monthly_nows)!
INSERT INTO subscription_change (subscription_id, at, was, now_is, move, monthly_was, monthly_now)
SELECT :subscription_id, news.at, news.was, news.now_is, news.move, news.monthly_was::numeric,
       news.monthly_now::numeric
FROM unnest(:ats::timestamptz[], :weres::text[], :now_ares::text[], :moves::text[],
            :monthly_weres::text[], :monthly_nows::text[])
    AS news (at, was, now_is, move, monthly_was, monthly_now);

-- name: wake(shoppers, payment_ids, now)!
-- Something was heard that may move these shoppers' subscriptions: they are looked at again; of
-- those that are over, only whose own payments these are. In the order of their ids, so that two
-- who wake several never wait for each other.
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
SELECT id, ctid FROM subscription
WHERE due_at <= :now AND (taken_until IS NULL OR taken_until <= :now)
ORDER BY due_at LIMIT :most
FOR UPDATE SKIP LOCKED;

-- name: take(places, until)!
-- By where the rows are, which needs no index; they are locked by the caller, and so stay there.
-- `due_at` is left to whoever takes its turn: to move it would touch every index of the table.
UPDATE subscription SET taken_until = :until WHERE ctid = ANY (:places::tid[]);

-- name: pace(merchant_account, per_s)$
-- How many calls may be given out now: what a second allows, less what the last second took.
INSERT INTO pace (merchant_account, given_until)
VALUES (:merchant_account, clock_timestamp() - interval '1 second')
ON CONFLICT (merchant_account) DO UPDATE
SET given_until = GREATEST(pace.given_until, clock_timestamp() - interval '1 second')
RETURNING floor(extract(epoch FROM clock_timestamp() - given_until) * :per_s::float8)::integer;

-- name: give_out(merchant_account, seconds)!
UPDATE pace SET given_until = given_until + make_interval(secs => :seconds)
WHERE merchant_account = :merchant_account;

-- name: changes_by_day(time_zone, until)
-- What changed each day, summed up by kind of move.
SELECT (at AT TIME ZONE :time_zone)::date AS day, was, now_is, move, count(*) AS count,
       sum(monthly_now - monthly_was) AS monthly
FROM subscription_change
WHERE at < :until
GROUP BY 1, 2, 3, 4 ORDER BY 1;

-- name: shop_request(key)^
SELECT fingerprint, question_key FROM shop_request WHERE key = :key;
