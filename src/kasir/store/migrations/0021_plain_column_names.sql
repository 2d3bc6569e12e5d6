-- Columns of subscriptions get the names that the code uses. Each rename changes the catalogue
-- only.

-- The last period that was paid, missed or given up.
ALTER TABLE subscription RENAME COLUMN dealt TO settled_period;
-- Whether the refusal of an attempt was handled.
ALTER TABLE renewal_attempt RENAME COLUMN told TO refusal_handled;
-- Whether the attempt was paid although its period was already paid or given up.
ALTER TABLE renewal_attempt RENAME COLUMN surplus TO overpaid;
-- Whether the dispute, and the full refund, of an attempt was handled as the plan defines.
ALTER TABLE renewal_attempt RENAME COLUMN dispute_dealt TO dispute_handled;
ALTER TABLE renewal_attempt RENAME COLUMN refund_dealt TO refund_handled;
