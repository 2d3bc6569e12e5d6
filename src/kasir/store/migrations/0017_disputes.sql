-- What a notification says of a dispute beside its money: the reason, the deadline, the status.
ALTER TABLE fact ADD COLUMN dispute jsonb;

-- Whether the shopper's side asked for a payment back, and whether all that was taken went back: a
-- plan may say what becomes of the subscription then. What was heard before is not looked through,
-- because no plan of that time asks.
ALTER TABLE payment ADD COLUMN disputed boolean NOT NULL DEFAULT false;
ALTER TABLE payment ADD COLUMN given_back boolean NOT NULL DEFAULT false;
CREATE INDEX payment_undone ON payment (shopper_reference)
    WHERE shopper_reference <> '' AND (disputed OR given_back);

-- What a plan says of both, and of which attempt it was done.
ALTER TABLE plan ADD COLUMN on_dispute text NOT NULL DEFAULT 'continue';
ALTER TABLE plan ADD COLUMN on_full_refund text NOT NULL DEFAULT 'continue';
ALTER TABLE renewal_attempt ADD COLUMN dispute_dealt boolean NOT NULL DEFAULT false;
ALTER TABLE renewal_attempt ADD COLUMN refund_dealt boolean NOT NULL DEFAULT false;
