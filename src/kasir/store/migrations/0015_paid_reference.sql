-- The merchantReference of a paid payment that, as far as is known, belongs to another system on
-- the merchant account. Kasir must not cancel by this reference, because that would cancel the
-- other system's payment. Null in every other notice.
ALTER TABLE notice ADD COLUMN paid_reference text;
CREATE INDEX notice_paid_reference ON notice (paid_reference) WHERE paid_reference IS NOT NULL;
-- Notices of the last 60 days that belong to other systems are read once more, which fills the
-- column. 60 days are enough, because no attempt stays open longer.
UPDATE notice SET state = 'unread'
WHERE state = 'foreign' AND event_code = 'AUTHORISATION'
      AND received_at > now() - interval '60 days';

-- Finds the newest notice of a Kasir payment fast, even if most notices are other systems'.
CREATE INDEX notice_of_payment ON notice (id) WHERE payment_id IS NOT NULL AND kind = 'standard';
