-- The reference of a payment that was made and is not ours, as far as is known: another system's on
-- the merchant account. A cancel by reference would undo it. Null in every other notice.
ALTER TABLE notice ADD COLUMN paid_reference text;
CREATE INDEX notice_paid_reference ON notice (paid_reference) WHERE paid_reference IS NOT NULL;
-- What came from others before this column: it is read anew once, and then has it. Attempts do not
-- live longer than this.
UPDATE notice SET state = 'unread'
WHERE state = 'foreign' AND event_code = 'AUTHORISATION'
      AND received_at > now() - interval '60 days';

-- The newest of our own payments' notices, on an account that is mostly others'.
CREATE INDEX notice_of_payment ON notice (id) WHERE payment_id IS NOT NULL AND kind = 'standard';
