-- The lists stay quick with millions of rows. Writes to the tables wait while the indexes are built:
-- docs/runbook.md.

-- A shopper may have very many payments: those with another status or amount are skipped without a
-- read of the table. Replaces `payment_of_shopper`.
CREATE INDEX IF NOT EXISTS payment_by_shopper
    ON payment (shopper_reference, created_at, id) INCLUDE (status, minor_units)
    WHERE shopper_reference <> '';
DROP INDEX IF EXISTS payment_of_shopper;

-- A range of amounts is searched day by day, the newest first, so that payments of other amounts are
-- never read, however many are newer. Replaces `payment_of_value`.
CREATE INDEX IF NOT EXISTS payment_by_day
    ON payment (((created_at AT TIME ZONE 'UTC')::date), minor_units)
    INCLUDE (created_at, id, status);
DROP INDEX IF EXISTS payment_of_value;

CREATE INDEX IF NOT EXISTS subscription_of_plan ON subscription (plan_id, created_at, id);
CREATE INDEX IF NOT EXISTS token_of_shopper ON token (shopper_reference);
-- The notices that operators look for by their event code; nearly all others are AUTHORISATIONs.
CREATE INDEX IF NOT EXISTS notice_of_code ON notice (event_code, id)
    WHERE event_code <> 'AUTHORISATION';

-- The changes of subscriptions of each day in Jakarta, summed: the metrics are read from these rows
-- and not from all changes since the beginning. A trigger adds to the sums, so that no program can
-- write a change without them. It locks the rows of a day in their order.
CREATE TABLE subscription_day (
    day     date NOT NULL,
    was     text NOT NULL,
    now_is  text NOT NULL,
    count   bigint NOT NULL,
    -- By how much the changes raised the monthly revenue, in minor units, not rounded.
    monthly numeric NOT NULL,
    PRIMARY KEY (day, was, now_is)
);
-- No change is written between the sums and the trigger.
LOCK TABLE subscription_change IN SHARE ROW EXCLUSIVE MODE;
INSERT INTO subscription_day (day, was, now_is, count, monthly)
SELECT (at AT TIME ZONE 'Asia/Jakarta')::date AS day, was, now_is, count(*),
       sum(monthly_now - monthly_was)
FROM subscription_change GROUP BY 1, 2, 3;

CREATE FUNCTION add_subscription_days() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO subscription_day AS sums (day, was, now_is, count, monthly)
    SELECT (at AT TIME ZONE 'Asia/Jakarta')::date AS day, was, now_is, count(*),
           sum(monthly_now - monthly_was)
    FROM added GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (day, was, now_is) DO UPDATE
    SET count = sums.count + excluded.count, monthly = sums.monthly + excluded.monthly;
    RETURN NULL;
END
$$;
CREATE TRIGGER subscription_change_is_summed AFTER INSERT ON subscription_change
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION add_subscription_days();

-- What was paid of the payments that were created on a day in Jakarta, as of the worker's last look at
-- it: the overview of a day shows the days before it from these rows.
CREATE TABLE paid_day (
    day   date PRIMARY KEY,
    count bigint NOT NULL,
    value bigint NOT NULL
);
