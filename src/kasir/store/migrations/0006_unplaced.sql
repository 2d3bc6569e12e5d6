-- A notice of no payment we can tell, or of none of ours as far as is known: it is found by its
-- names when one of them becomes known, and looked at once more by itself. A shop whose account
-- takes other methods too has many of these.
ALTER TABLE notice ADD COLUMN look_after xid8;
COMMENT ON COLUMN notice.look_after IS
    '0: put aside just now; else: to be looked at when all transactions before this one have ended';
CREATE INDEX notice_to_look_again ON notice (look_after) WHERE look_after IS NOT NULL;
-- Without fastupdate: every answer looks here, and would have to scan what is pending.
CREATE INDEX notice_unplaced ON notice USING gin (names) WITH (fastupdate = off)
    WHERE state IN ('waiting', 'foreign');
CREATE INDEX fact_modification ON fact (modification) WHERE modification <> '';
