-- name: open_cases(keys, kinds, reasons, payment_ids, psp_references, batches, lines, report_id, now)!
-- Each difference has one case. A case that a report closed is opened again by a later report; one
-- that a person closed stays closed. Rows are locked in the order of their keys.
INSERT INTO reconciliation_case (key, kind, reason, payment_id, psp_reference, batch, line,
                                 report_id, last_report_id, opened_at)
SELECT key, kind, reason, payment_id, psp_reference, batch, line, :report_id, :report_id, :now
FROM unnest(:keys::text[], :kinds::text[], :reasons::text[], :payment_ids::text[],
            :psp_references::text[], :batches::text[], :lines::bigint[])
    AS found (key, kind, reason, payment_id, psp_reference, batch, line)
ORDER BY key
ON CONFLICT (key) DO UPDATE
SET last_report_id = excluded.last_report_id, kind = excluded.kind, reason = excluded.reason,
    line = excluded.line, report_id = excluded.report_id, state = 'open', closed_at = NULL,
    closed_by_report = NULL
WHERE reconciliation_case.last_report_id <= excluded.last_report_id
      AND (reconciliation_case.state = 'open'
           OR reconciliation_case.closed_by_report <= excluded.last_report_id);

-- name: close_disproved(keys, report_id, now)!
-- Closes cases that a report disproves, unless a later report has shown them.
UPDATE reconciliation_case
SET state = 'closed', closed_at = :now, closed_by_report = :report_id
WHERE id IN (
    SELECT id FROM reconciliation_case
    WHERE key = ANY (:keys::text[]) AND state = 'open' AND last_report_id <= :report_id
    ORDER BY key FOR UPDATE
);

-- name: close_replaced(report_id, now)!
-- Closes cases of rows that an earlier file of the same name has shown and this one does not.
UPDATE reconciliation_case
SET state = 'closed', closed_at = :now, closed_by_report = :report_id
WHERE id IN (
    SELECT found.id
    FROM reconciliation_case AS found
    JOIN report AS earlier ON earlier.id = found.last_report_id
    JOIN report AS this ON this.id = :report_id AND this.name = earlier.name
    WHERE found.state = 'open' AND found.line IS NOT NULL AND earlier.id < :report_id
    ORDER BY found.key FOR UPDATE OF found
);

-- name: any_open()$
SELECT EXISTS (SELECT FROM reconciliation_case WHERE state = 'open');

-- name: close_by_hand(id, why, closed_by, now)^
UPDATE reconciliation_case
SET state = 'closed', closed_at = :now, closed_by = :closed_by, closed_why = :why
WHERE id = :id AND state = 'open'
RETURNING *;

-- name: cases(state, kind, before, most)
SELECT found.*, report.name AS report FROM (
    SELECT * FROM reconciliation_case
    WHERE (:state::text IS NULL OR state = :state) AND (:kind::text IS NULL OR kind = :kind)
          AND id < :before
    ORDER BY id DESC LIMIT :most
) AS found
LEFT JOIN report ON report.id = found.last_report_id
ORDER BY found.id DESC;

-- name: case_(id)^
SELECT found.*, report.name AS report FROM reconciliation_case AS found
LEFT JOIN report ON report.id = found.last_report_id
WHERE found.id = :id;

-- name: open_of_reports(report_ids, most)
SELECT found.*, report.name AS report FROM reconciliation_case AS found
LEFT JOIN report ON report.id = found.last_report_id
WHERE found.last_report_id = ANY (:report_ids::bigint[]) AND found.state = 'open'
ORDER BY found.id LIMIT :most;

-- name: count_open_of_reports(report_ids)
SELECT kind, count(*) AS count FROM reconciliation_case
WHERE last_report_id = ANY (:report_ids::bigint[]) AND state = 'open'
GROUP BY kind ORDER BY kind;
