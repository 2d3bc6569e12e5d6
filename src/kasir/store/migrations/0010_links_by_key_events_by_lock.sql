-- The shop's own idempotency key of a link, and what it asked under it.
ALTER TABLE payment_link ADD COLUMN IF NOT EXISTS shop_key text UNIQUE;
ALTER TABLE payment_link ADD COLUMN IF NOT EXISTS fingerprint bytea;
-- Readers of events page by id alone; how they miss none is said in queries/events.sql.
ALTER TABLE event DROP COLUMN IF EXISTS transaction;
