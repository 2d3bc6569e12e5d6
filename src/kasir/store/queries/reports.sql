-- name: announce(names, urls, kinds, states, errors, now)!
-- A report that is announced again before it was fetched is one report.
INSERT INTO report (name, url, kind, state, error, received_at, due_at)
SELECT name, url, kind, state, error, :now,
       CASE WHEN state = 'announced' THEN :now::timestamptz END
FROM unnest(:names::text[], :urls::text[], :kinds::text[], :states::text[], :errors::text[])
    AS came (name, url, kind, state, error)
WHERE NOT EXISTS (
    SELECT FROM report
    WHERE report.name = came.name AND report.url = came.url AND report.state = came.state
          AND report.state <> 'reconciled'
);

-- name: add(name, kind, now)$
-- A report that is given by hand; its parts follow.
INSERT INTO report (name, kind, state, received_at) VALUES (:name, :kind, 'announced', :now)
RETURNING id;

-- name: due(now, later, most, fetches)
-- As the statements of due.sql. Without a report user, reports are not fetched.
UPDATE report SET due_at = :later
WHERE id IN (
    SELECT id FROM report
    WHERE due_at <= :now AND (state = 'stored' OR :fetches::boolean)
    ORDER BY due_at LIMIT :most
    FOR UPDATE SKIP LOCKED
)
RETURNING id;

-- name: report(id)^
SELECT * FROM report WHERE id = :id;

-- name: postpone(id, later)!
UPDATE report SET due_at = :later WHERE id = :id AND due_at IS NOT NULL;

-- name: fetch_failed(id, due_at, status, error)!
UPDATE report SET tries = tries + 1, due_at = :due_at, status = :status, error = :error
WHERE id = :id AND state = 'announced';

-- name: clear_parts(id)!
DELETE FROM report_part WHERE report_id = :id;

-- name: add_part(id, position, content)!
INSERT INTO report_part (report_id, position, content) VALUES (:id, :position, :content);

-- name: stored(id, digest, size_bytes, due_at)^
-- Ends the storing of a report's content. If the same content was stored under the same name before,
-- the report is a duplicate, and `id` is the earlier one. A report that is given by hand, so without
-- `due_at`, takes the place of those of its name that could not be fetched or read.
WITH earlier AS (
    SELECT other.id FROM report AS other, report AS this
    WHERE this.id = :id AND other.name = this.name AND other.digest = :digest AND other.id <> :id
), dropped AS (
    DELETE FROM report_part WHERE report_id = :id AND EXISTS (SELECT FROM earlier)
), replaced AS (
    UPDATE report AS bad SET state = 'duplicate', due_at = NULL, error = ''
    FROM report AS this
    WHERE this.id = :id AND bad.name = this.name AND bad.id <> :id
          AND bad.state IN ('announced', 'refused', 'unreadable') AND :due_at::timestamptz IS NULL
          AND bad.id NOT IN (SELECT id FROM earlier)
), changed AS (
    UPDATE report
    SET state = CASE WHEN EXISTS (SELECT FROM earlier) THEN 'duplicate' ELSE 'stored' END,
        digest = CASE WHEN NOT EXISTS (SELECT FROM earlier) THEN :digest::bytea END,
        due_at = CASE WHEN NOT EXISTS (SELECT FROM earlier) THEN :due_at::timestamptz END,
        size_bytes = :size_bytes, status = NULL, error = ''
    WHERE id = :id
)
SELECT coalesce((SELECT id FROM earlier), :id) AS id;

-- name: part(id, position)$
SELECT content FROM report_part WHERE report_id = :id AND position = :position;

-- name: read_as(id, kind)!
UPDATE report SET kind = :kind WHERE id = :id;

-- name: reject(id, state, error)!
UPDATE report SET state = :state, error = :error, due_at = NULL WHERE id = :id;

-- name: reconciled(id, rows, own_rows, foreign_rows, note, now)!
UPDATE report
SET state = 'reconciled', rows = :rows, own_rows = :own_rows, foreign_rows = :foreign_rows,
    note = :note, reconciled_at = :now, due_at = NULL, error = ''
WHERE id = :id;

-- name: doctor()^
-- What `kasir doctor` says of reports.
SELECT (SELECT max(received_at) FROM report WHERE state IN ('stored', 'reconciled')) AS last_at,
       count(*) FILTER (WHERE state = 'announced') AS waiting,
       min(received_at) FILTER (WHERE state = 'announced') AS waiting_since,
       count(*) FILTER (WHERE state IN ('unreadable', 'refused')) AS bad,
       (SELECT count(*) FROM reconciliation_case WHERE state = 'open') AS open_cases
FROM report;

-- name: doctor_errors(most)
-- The newest reports that cannot be fetched or read, with the reason.
SELECT name, state, status, error FROM report
WHERE state IN ('unreadable', 'refused') OR state = 'announced' AND tries > 0
ORDER BY id DESC LIMIT :most;
