-- When what a standard notification tells of happened, by Adyen's clock: beside `received_at` it
-- shows how far Adyen's queue is behind. Null where the item says none, and in older rows.
ALTER TABLE notice ADD COLUMN event_date timestamptz;

-- Attempts whose time is over and which nobody has ended: they wait for Adyen's word. Only what was
-- looked at once and put off is in it, so an ordinary payment never is.
CREATE INDEX payment_unconfirmed ON payment (close_at) WHERE close_due_at > close_at;

-- An attempt at a link used to live as long as the link. Adyen is asked to close those that lie
-- there longer than an attempt lives.
UPDATE payment SET close_due_at = created_at + interval '1 hour'
WHERE link_id IS NOT NULL AND close_due_at > created_at + interval '1 hour';
