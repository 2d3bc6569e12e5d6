-- What a shop plans for later, beside a cancel: a pause, and its end.
ALTER TABLE subscription ADD COLUMN pause_at timestamptz;
ALTER TABLE subscription ADD COLUMN resumes_at timestamptz;
-- What is left of a trial that is paused.
ALTER TABLE subscription ADD COLUMN trial_left interval;

-- Lists are paged from the newest on, of all or of one state.
CREATE INDEX subscription_created ON subscription (created_at, id);
CREATE INDEX subscription_state ON subscription (state, created_at, id);

-- Those in arrears may have lost their token, or be to end, and were not looked at for it.
UPDATE subscription SET due_at = LEAST(due_at, now()) WHERE state = 'past_due';
