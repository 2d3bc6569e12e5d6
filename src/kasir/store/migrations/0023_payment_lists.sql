-- Payments are listed newest first, by (created_at, id). Each index below has this order within the
-- column that is searched for, so a page reads only its own rows. The amount is included where a
-- list may also be searched by amount: rows with other amounts are skipped without a read of the
-- table. Writes to `payment` wait while an index is built, about a second for a million payments.
-- For a larger table, make them before the upgrade, CONCURRENTLY: docs/runbook.md.
CREATE INDEX IF NOT EXISTS payment_newest
    ON payment (created_at, id) INCLUDE (minor_units);
CREATE INDEX IF NOT EXISTS payment_of_status
    ON payment (status, created_at, id) INCLUDE (minor_units);
CREATE INDEX IF NOT EXISTS payment_of_shopper
    ON payment (shopper_reference, created_at, id) WHERE shopper_reference <> '';
CREATE INDEX IF NOT EXISTS payment_of_value
    ON payment (minor_units, created_at, id);

-- The notices of one payment, for its timeline.
CREATE INDEX IF NOT EXISTS notice_about_payment
    ON notice (payment_id) WHERE payment_id IS NOT NULL;

-- Searches that a person of the desk keeps under a name: the page's query, such as `status=refused`.
CREATE TABLE payment_view (
    person text NOT NULL,
    name   text NOT NULL,
    query  text NOT NULL,
    PRIMARY KEY (person, name)
);
