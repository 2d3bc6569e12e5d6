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
