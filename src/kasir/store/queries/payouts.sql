-- name: payments(ids)
SELECT * FROM payment WHERE id = ANY (:ids::text[]);

-- name: foreign_names(names)
-- The pspReferences among these that a notification of another system's payment has.
SELECT DISTINCT name FROM notice, unnest(notice.names) AS name
WHERE state = 'foreign' AND payment_id IS NULL AND notice.names && :names::text[]
      AND name = ANY (:names::text[]);

-- name: add_rows(report_id, kind, lines, types, payment_ids, psp_references, modifications, batches, ats, currencies, gross, net_currencies, nets, fees)!
INSERT INTO report_row (report_id, kind, line, type, payment_id, psp_reference, modification,
                        batch, at, currency, gross, net_currency, net, fees)
SELECT :report_id, :kind, came.*
FROM unnest(:lines::bigint[], :types::text[], :payment_ids::text[], :psp_references::text[],
            :modifications::text[], :batches::text[], :ats::timestamptz[], :currencies::text[],
            :gross::numeric[], :net_currencies::text[], :nets::numeric[], :fees::numeric[]) AS came
ON CONFLICT (report_id, line) DO UPDATE
SET payment_id = excluded.payment_id, gross = excluded.gross, net = excluded.net,
    fees = excluded.fees;

-- name: settled_twice(report_id, first, last)
-- Of the captures that a part of a report has as settled: those that are settled more often than
-- once, by the reports that count for their batches, less what was reversed. `OFFSET 0` has the rows
-- of each payment found by their index, whatever the planner knows of a table that grew just now.
WITH these AS (
    SELECT DISTINCT payment_id, psp_reference, modification FROM report_row
    WHERE report_id = :report_id AND type = 'Settled' AND line BETWEEN :first AND :last
)
SELECT these.payment_id, these.psp_reference, these.modification,
       count(*) FILTER (WHERE other.type = 'Settled' AND other.modification = these.modification)
           - count(*) FILTER (WHERE other.type = 'SettledReversed') AS times,
       string_agg(DISTINCT other.batch, ', ') AS batches, max(other.line) AS line
FROM these
CROSS JOIN LATERAL (
    SELECT report_id, line, type, modification, batch, net_currency FROM report_row
    WHERE payment_id = these.payment_id AND psp_reference = these.psp_reference
          AND kind = 'settlement_details' AND type IN ('Settled', 'SettledReversed')
    OFFSET 0
) AS other
JOIN payout ON payout.report_id = other.report_id AND payout.batch = other.batch
    AND payout.currency = other.net_currency
GROUP BY these.payment_id, these.psp_reference, these.modification;

-- name: booked_twice(report_id, first, last)
-- The same for a report without batches: rows that it has twice, or that have another time in
-- another report. Without the name of the capture, only equal amounts are the same capture.
-- If settlement details have the payment, they alone say how often it was paid out.
WITH these AS (
    SELECT DISTINCT payment_id, psp_reference, modification,
           CASE WHEN modification = '' THEN gross END AS gross
    FROM report_row
    WHERE report_id = :report_id AND type = 'Settled' AND line BETWEEN :first AND :last
), counted AS (
    SELECT these.*,
           greatest(
               count(DISTINCT other.at) FILTER (WHERE other.type = 'Settled'),
               count(*) FILTER (WHERE other.type = 'Settled' AND other.report_id = :report_id)
           ) - count(DISTINCT other.at) FILTER (WHERE other.type = 'SettledReversed') AS times,
           max(other.line) FILTER (WHERE other.report_id = :report_id) AS line
    FROM these
    CROSS JOIN LATERAL (
        SELECT report_id, line, type, at FROM report_row
        WHERE payment_id = these.payment_id AND psp_reference = these.psp_reference
              AND kind = 'payment_accounting' AND type IN ('Settled', 'SettledReversed')
              AND (modification = these.modification OR type = 'SettledReversed')
              AND (these.gross IS NULL OR gross = these.gross OR type = 'SettledReversed')
        OFFSET 0
    ) AS other
    GROUP BY these.payment_id, these.psp_reference, these.modification, these.gross
)
SELECT payment_id, psp_reference, modification,
       max(CASE WHEN EXISTS (
           SELECT FROM report_row
           WHERE report_row.payment_id = counted.payment_id AND report_row.type = 'Settled'
                 AND report_row.kind = 'settlement_details'
       ) THEN 0 ELSE times END) AS times, '' AS batches, max(line) AS line
FROM counted GROUP BY payment_id, psp_reference, modification;

-- name: write_payouts(report_id, batches, currencies, paid_outs, paid_out_ats, are_balanced, payments, own_nets, first_taken_ats, last_taken_ats)!
-- A batch that does not add up, such as a part of one, does not replace one that does.
INSERT INTO payout (report_id, batch, currency, paid_out, paid_out_at, is_balanced, payments,
                    own_net, first_taken_at, last_taken_at)
SELECT :report_id, came.*
FROM unnest(:batches::text[], :currencies::text[], :paid_outs::numeric[],
            :paid_out_ats::timestamptz[], :are_balanced::boolean[], :payments::bigint[],
            :own_nets::numeric[], :first_taken_ats::timestamptz[], :last_taken_ats::timestamptz[])
    AS came (batch, currency)
ORDER BY came.batch, came.currency
ON CONFLICT (batch, currency) DO UPDATE
SET report_id = excluded.report_id, paid_out = excluded.paid_out,
    paid_out_at = excluded.paid_out_at, is_balanced = excluded.is_balanced,
    payments = excluded.payments, own_net = excluded.own_net,
    first_taken_at = excluded.first_taken_at, last_taken_at = excluded.last_taken_at
WHERE excluded.report_id >= payout.report_id AND (excluded.is_balanced OR NOT payout.is_balanced);

-- name: fees_seen()
SELECT method, currency, points::text AS points FROM fee_seen;

-- name: write_fees(methods, currencies, points)!
INSERT INTO fee_seen (method, currency, points)
SELECT method, currency, points::jsonb
FROM unnest(:methods::text[], :currencies::text[], :points::text[])
    AS came (method, currency, points)
ORDER BY method, currency
ON CONFLICT (method, currency) DO UPDATE SET points = excluded.points;

-- name: payouts(before, most)
SELECT payout.*, report.name AS report FROM payout JOIN report ON report.id = payout.report_id
WHERE payout.id < :before ORDER BY payout.id DESC LIMIT :most;

-- name: payout(batch)
SELECT payout.*, report.name AS report FROM payout JOIN report ON report.id = payout.report_id
WHERE payout.batch = :batch ORDER BY payout.currency;

-- name: rows_of_payout(batch, after_report, after_line, most)
SELECT report_row.*, payment.reference
FROM payout
JOIN report_row ON report_row.report_id = payout.report_id AND report_row.batch = payout.batch
    AND report_row.net_currency = payout.currency
JOIN payment ON payment.id = report_row.payment_id
WHERE payout.batch = :batch
      AND (report_row.report_id, report_row.line) > (:after_report::bigint, :after_line::bigint)
ORDER BY report_row.report_id, report_row.line LIMIT :most;

-- name: rows_of_payment(payment_id)
-- The rows of the reports that count for their batches, and those of reports without batches.
SELECT report_row.*, payout.paid_out_at, report.name AS report
FROM report_row
JOIN report ON report.id = report_row.report_id
LEFT JOIN payout ON payout.report_id = report_row.report_id AND payout.batch = report_row.batch
    AND payout.currency = report_row.net_currency
WHERE report_row.payment_id = :payment_id
      AND (payout.id IS NOT NULL OR report_row.kind <> 'settlement_details')
ORDER BY report_row.report_id, report_row.line;

-- name: search_due(now, later)$
-- Takes the daily search for payments without a settlement, if there are payouts.
UPDATE unsettled_search SET due_at = :later
WHERE (due_at <= :now OR due_at IS NULL) AND EXISTS (SELECT FROM payout)
RETURNING true;

-- name: settled_range()^
-- From when to when captures were settled, whether a batch in between is missing, and where the
-- search may begin.
SELECT min(first_taken_at) AS first_at, max(last_taken_at) AS last_at,
       max(batch::numeric) FILTER (WHERE batch ~ '^[0-9]{1,18}$')
           - min(batch::numeric) FILTER (WHERE batch ~ '^[0-9]{1,18}$') + 1
           > count(DISTINCT batch) FILTER (WHERE batch ~ '^[0-9]{1,18}$') AS has_gap,
       bool_or(batch = '1') AS has_first, (SELECT done_to FROM unsettled_search) AS done_to,
       (SELECT max(id) FROM report WHERE state = 'reconciled') AS report_id
FROM payout;

-- name: searched(done_to)!
UPDATE unsettled_search SET done_to = greatest(done_to, :done_to);

-- name: captured_page(after_at, after_id, most)^
SELECT created_at, id FROM (
    SELECT created_at, id FROM payment
    WHERE captured > 0 AND (created_at, id) > (:after_at::timestamptz, :after_id::text)
    ORDER BY created_at, id LIMIT :most
) AS page ORDER BY created_at DESC, id DESC LIMIT 1;

-- name: unsettled(after_at, after_id, to_at, to_id, first_at, last_at)
-- Captured payments of a page that no settlement details have, and that were captured in the time.
-- Payment accounting pays nothing out, so a row there does not count.
SELECT payment.id, payment.psp_reference, payment.reference, payment.currency, payment.captured,
       taken.at
FROM payment, LATERAL (
    SELECT min(fact.at) AS at FROM fact
    WHERE fact.payment_id = payment.id
          AND fact.says = CASE WHEN payment.captures_itself THEN 'authorised' ELSE 'captured' END
) AS taken
WHERE payment.captured > 0
      AND (payment.created_at, payment.id) > (:after_at::timestamptz, :after_id::text)
      AND (payment.created_at, payment.id) <= (:to_at::timestamptz, :to_id::text)
      AND taken.at BETWEEN :first_at AND :last_at
      AND NOT EXISTS (
          SELECT FROM report_row
          WHERE report_row.payment_id = payment.id AND report_row.type = 'Settled'
                AND report_row.kind = 'settlement_details'
      )
      -- Its row may be one that cannot be read.
      AND NOT EXISTS (
          SELECT FROM reconciliation_case AS found
          WHERE found.state = 'open' AND found.kind IN ('unknown_type', 'unreadable_row')
                AND (found.payment_id = payment.id
                     OR found.psp_reference = payment.psp_reference)
      );

-- name: unrefunded(after_at, after_id, most, first_at, last_at)
-- Refunds that succeeded in the time and that no report has, of a page of payments. Each payment of
-- the page has a row, so that the next page is known; `name` is null where nothing is missing.
SELECT page.id, page.created_at, page.reference, page.psp_reference, page.currency,
       refund.modification AS name, refund.minor_units, refund.at
FROM (
    SELECT * FROM payment
    WHERE refunded > 0 AND (created_at, id) > (:after_at::timestamptz, :after_id::text)
    ORDER BY created_at, id LIMIT :most
) AS page
LEFT JOIN LATERAL (
    SELECT * FROM fact
    WHERE fact.payment_id = page.id AND fact.says = 'refund_confirmed' AND fact.modification <> ''
          AND fact.at BETWEEN :first_at AND :last_at
          AND NOT EXISTS (
              SELECT FROM report_row
              WHERE report_row.payment_id = page.id AND report_row.type = 'Refunded'
                    AND report_row.kind = 'settlement_details'
                    AND report_row.modification IN (fact.modification, '')
          )
) AS refund ON true
ORDER BY page.created_at, page.id;
