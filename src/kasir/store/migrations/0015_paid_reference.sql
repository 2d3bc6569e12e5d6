-- The reference of a payment that was made and is not ours, as far as is known: another system's on
-- the merchant account. A cancel by reference would undo it. Null in every other notice.
ALTER TABLE notice ADD COLUMN paid_reference text;
CREATE INDEX notice_paid_reference ON notice (paid_reference) WHERE paid_reference IS NOT NULL;
