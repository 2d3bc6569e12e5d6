-- The owner of each pspReference, of a payment attempt or of a modification: the payment that
-- claimed it first. The transaction that writes a fact with a new pspReference claims it; the
-- primary key refuses a second owner. `name` is the pspReference.
CREATE TABLE psp_reference (
    name       text PRIMARY KEY,
    payment_id text NOT NULL REFERENCES payment (id)
);
-- Conflicts in data older than this table: payments with a pspReference that another payment
-- claimed first. `kasir doctor` lists the conflicts, and a person decides what they mean.
CREATE TABLE psp_reference_conflict (
    name       text NOT NULL,
    payment_id text NOT NULL REFERENCES payment (id),
    PRIMARY KEY (name, payment_id)
);
WITH claim AS (
    SELECT name, payment_id, min(heard_at) AS heard_at
    FROM fact, unnest(ARRAY[psp_reference, modification]) AS name
    WHERE name <> ''
    GROUP BY name, payment_id
), ranked AS (
    SELECT name, payment_id,
           row_number() OVER (PARTITION BY name ORDER BY heard_at, payment_id) AS place
    FROM claim
), owned AS (
    INSERT INTO psp_reference (name, payment_id)
    SELECT name, payment_id FROM ranked WHERE place = 1
)
INSERT INTO psp_reference_conflict (name, payment_id)
SELECT name, payment_id FROM ranked WHERE place > 1;

-- The payment of a pspReference is now looked up in `psp_reference`, so these indexes are not
-- needed.
DROP INDEX fact_psp_reference;
DROP INDEX fact_modification;

-- A notice that belongs to no payment yet is read again when a payment claims one of its
-- pspReferences.
DROP INDEX notice_unplaced;
CREATE INDEX notice_unplaced ON notice USING gin (names) WITH (fastupdate = off)
    WHERE state IN ('waiting', 'foreign', 'held') AND payment_id IS NULL;
