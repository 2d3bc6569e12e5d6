-- A report of Adyen's that was announced by REPORT_AVAILABLE or given to `kasir reconcile`.
CREATE TABLE report (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name          text NOT NULL,
    -- Where it is fetched; empty if it was given by hand.
    url           text NOT NULL DEFAULT '',
    -- settlement_details, payment_accounting; empty until its header was read.
    kind          text NOT NULL DEFAULT '',
    -- announced: to be fetched; stored: to be reconciled; reconciled; unreadable: see `error`;
    -- refused: its address is not Adyen's; other: a report that is not reconciled, and not fetched;
    -- duplicate: its content was stored under the same name before.
    state         text NOT NULL,
    -- SHA-256 of its content.
    digest        bytea,
    size_bytes    bigint NOT NULL DEFAULT 0,
    rows          bigint NOT NULL DEFAULT 0,
    own_rows      bigint NOT NULL DEFAULT 0,
    foreign_rows  bigint NOT NULL DEFAULT 0,
    received_at   timestamptz NOT NULL,
    reconciled_at timestamptz,
    -- When the next step is due; null if none is.
    due_at        timestamptz,
    tries         integer NOT NULL DEFAULT 0,
    status        integer,
    error         text NOT NULL DEFAULT '',
    -- What a person should know of it, although it is reconciled.
    note          text NOT NULL DEFAULT '',
    UNIQUE (name, digest)
);
CREATE INDEX report_due ON report (due_at) WHERE due_at IS NOT NULL;

-- A report's content as it came, in parts that are compressed and then sealed.
CREATE TABLE report_part (
    report_id bigint NOT NULL REFERENCES report ON DELETE CASCADE,
    position  integer NOT NULL,
    content   bytea NOT NULL,
    PRIMARY KEY (report_id, position)
);

-- A row of a report that is of a payment of Kasir's. `payment_id` has no foreign key, because that
-- would lock payments out of the order of locks. Net amounts and fees are in minor units of their
-- currency, which need not be whole.
CREATE TABLE report_row (
    report_id    bigint NOT NULL REFERENCES report ON DELETE CASCADE,
    line         bigint NOT NULL,
    kind         text NOT NULL,
    type         text NOT NULL,
    payment_id   text NOT NULL,
    psp_reference text NOT NULL,
    modification text NOT NULL,
    batch        text NOT NULL,
    at           timestamptz,
    currency     text NOT NULL,
    gross        numeric NOT NULL,
    net_currency text NOT NULL,
    net          numeric NOT NULL,
    fees         numeric NOT NULL,
    PRIMARY KEY (report_id, line)
);
CREATE INDEX report_row_of_payment ON report_row (payment_id);
CREATE INDEX report_row_of_batch ON report_row (report_id, batch, line);

-- A batch in one settlement currency, as the latest report has it. Amounts as in report_row.
CREATE TABLE payout (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    batch          text NOT NULL,
    currency       text NOT NULL,
    report_id      bigint NOT NULL REFERENCES report,
    paid_out       numeric NOT NULL,
    paid_out_at    timestamptz,
    is_balanced    boolean NOT NULL,
    -- Of Kasir's payments: how many were settled, and what all their rows come to after fees.
    payments       bigint NOT NULL,
    own_net        numeric NOT NULL,
    -- When the first and the last of them were captured, by Kasir's facts.
    first_taken_at timestamptz,
    last_taken_at  timestamptz,
    UNIQUE (batch, currency)
);

-- A difference between a report and itself, or between a report and the payments.
CREATE TABLE reconciliation_case (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key              text NOT NULL UNIQUE,
    kind             text NOT NULL,
    state            text NOT NULL DEFAULT 'open',
    reason           text NOT NULL,
    payment_id       text,
    psp_reference    text NOT NULL,
    batch            text NOT NULL,
    -- The report that showed it first, and the row there; the report that showed it last.
    report_id        bigint REFERENCES report,
    line             bigint,
    last_report_id   bigint REFERENCES report,
    opened_at        timestamptz NOT NULL,
    closed_at        timestamptz,
    -- The report that disproved it, or the person who closed it and why.
    closed_by_report bigint REFERENCES report,
    closed_by        text NOT NULL DEFAULT '',
    closed_why       text NOT NULL DEFAULT ''
);
CREATE INDEX reconciliation_case_by_state ON reconciliation_case (state, id);
CREATE INDEX reconciliation_case_of_payment ON reconciliation_case (payment_id)
    WHERE payment_id IS NOT NULL;
CREATE INDEX reconciliation_case_of_report ON reconciliation_case (last_report_id)
    WHERE state = 'open';

-- The fees that were seen, as a sample of amounts and fees in major units.
CREATE TABLE fee_seen (
    method   text NOT NULL,
    currency text NOT NULL,
    points   jsonb NOT NULL,
    PRIMARY KEY (method, currency)
);

-- When payments without a settlement were last looked for, and up to which time all had been settled
-- or had got a case.
CREATE TABLE unsettled_search (
    is_only  boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    due_at   timestamptz,
    done_to  timestamptz
);
INSERT INTO unsettled_search DEFAULT VALUES;

-- Payments that are to be in a report.
CREATE INDEX payment_captured ON payment (created_at, id) WHERE captured > 0;
CREATE INDEX payment_refunded ON payment (created_at, id) WHERE refunded > 0;
