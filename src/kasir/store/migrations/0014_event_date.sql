-- The time of the event that a standard notification reports, by Adyen's clock. Its distance from
-- `received_at` shows how long the notification was in Adyen's queue. Null if the item has no date,
-- and in older rows.
ALTER TABLE notice ADD COLUMN event_date timestamptz;

-- Attempts that timed out, and whose outcome Adyen has not reported. The index contains only
-- payments whose close was tried and postponed, so it never contains an ordinary payment.
CREATE INDEX payment_unconfirmed ON payment (close_at) WHERE close_due_at > close_at;

-- Before this version, an attempt made at a link stayed open as long as the link. Such an attempt
-- is now closed an hour after it was made, as every attempt is.
UPDATE payment SET close_due_at = created_at + interval '1 hour'
WHERE link_id IS NOT NULL AND close_due_at > created_at + interval '1 hour';
