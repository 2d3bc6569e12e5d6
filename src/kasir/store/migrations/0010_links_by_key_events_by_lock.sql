-- The idempotency key of the shop's request for a link, and a fingerprint of that request.
ALTER TABLE payment_link ADD COLUMN IF NOT EXISTS shop_key text UNIQUE;
ALTER TABLE payment_link ADD COLUMN IF NOT EXISTS fingerprint bytea;
-- Readers of events page by id alone. `add_events` in queries/events.sql explains why a reader
-- misses no event.
ALTER TABLE event DROP COLUMN IF EXISTS transaction;
