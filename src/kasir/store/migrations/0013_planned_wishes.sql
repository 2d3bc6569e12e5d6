-- When a planned pause begins, and when it ends.
ALTER TABLE subscription ADD COLUMN pause_at timestamptz;
ALTER TABLE subscription ADD COLUMN resumes_at timestamptz;
-- What is left of a trial that is paused.
ALTER TABLE subscription ADD COLUMN trial_left interval;

-- For lists of all subscriptions, or of the subscriptions in one state, newest first.
CREATE INDEX subscription_created ON subscription (created_at, id);
CREATE INDEX subscription_state ON subscription (state, created_at, id);

-- A past-due subscription may have a disabled token or a planned end that earlier versions did not
-- process, so all of them are made due now.
UPDATE subscription SET due_at = LEAST(due_at, now()) WHERE state = 'past_due';
