-- Columns of subscriptions get the names that the code uses. Each rename changes the catalogue only.

-- The last period that was paid, missed or given up.
ALTER TABLE subscription RENAME COLUMN dealt TO settled_period;
-- Whether what follows from an attempt's refusal was done.
ALTER TABLE renewal_attempt RENAME COLUMN told TO refusal_handled;
-- Its money came for a period that needed none any more.
ALTER TABLE renewal_attempt RENAME COLUMN surplus TO overpaid;
-- Whether what the plan says about a dispute, and about a full refund, was done.
ALTER TABLE renewal_attempt RENAME COLUMN dispute_dealt TO dispute_handled;
ALTER TABLE renewal_attempt RENAME COLUMN refund_dealt TO refund_handled;
