-- A notice that no payment owns yet is read again when a payment claims one of its pspReferences
-- (`names`), and is checked once more without a claim. A shop that uses its merchant account for
-- other payment methods too has many such notices.
ALTER TABLE notice ADD COLUMN look_after xid8;
COMMENT ON COLUMN notice.look_after IS
    '0: put aside just now; else: to be looked at when all transactions before this one have ended';
CREATE INDEX notice_to_look_again ON notice (look_after) WHERE look_after IS NOT NULL;
-- Without fastupdate, because each answer of the provider searches this index, and would have to
-- scan its pending entries too.
CREATE INDEX notice_unplaced ON notice USING gin (names) WITH (fastupdate = off)
    WHERE state IN ('waiting', 'foreign');
CREATE INDEX fact_modification ON fact (modification) WHERE modification <> '';
