-- Whose each pspReference is, of an attempt or of a change: the payment that claimed it first. It is
-- claimed in the transaction that writes the fact which names it; the key refuses a second owner.
CREATE TABLE psp_reference (
    name       text PRIMARY KEY,
    payment_id text NOT NULL REFERENCES payment (id)
);
-- Of what was there before this table: payments that bear a name which another one claimed earlier.
-- `kasir doctor` lists them; a person decides what they mean.
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

-- Names are found by their owner now.
DROP INDEX fact_psp_reference;
DROP INDEX fact_modification;

-- A notice that may be one of several payments' is held, and read again when its name is claimed.
DROP INDEX notice_unplaced;
CREATE INDEX notice_unplaced ON notice USING gin (names) WITH (fastupdate = off)
    WHERE state IN ('waiting', 'foreign', 'held') AND payment_id IS NULL;
