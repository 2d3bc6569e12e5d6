-- The details of a dispute in a notification, without the amount: reason, deadline, status.
ALTER TABLE fact ADD COLUMN dispute jsonb;

-- Whether a payment was disputed, and whether it was cancelled after it was paid, or refunded in
-- full. A plan may define what happens to the subscription then. Payments from before this version
-- keep `false`, because no plan of that time defines that.
ALTER TABLE payment ADD COLUMN disputed boolean NOT NULL DEFAULT false;
ALTER TABLE payment ADD COLUMN given_back boolean NOT NULL DEFAULT false;
CREATE INDEX payment_undone ON payment (shopper_reference)
    WHERE shopper_reference <> '' AND (disputed OR given_back);

-- What the plan defines for a dispute and for a full refund, and whether that was done for an
-- attempt. (0021 renames the last two columns.)
ALTER TABLE plan ADD COLUMN on_dispute text NOT NULL DEFAULT 'continue';
ALTER TABLE plan ADD COLUMN on_full_refund text NOT NULL DEFAULT 'continue';
ALTER TABLE renewal_attempt ADD COLUMN dispute_dealt boolean NOT NULL DEFAULT false;
ALTER TABLE renewal_attempt ADD COLUMN refund_dealt boolean NOT NULL DEFAULT false;
