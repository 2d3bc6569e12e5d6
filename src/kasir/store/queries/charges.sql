-- The payments of renewals, many at a time. The rows are written first, and the calls are sent
-- after the commit.

-- name: open_charges(ids, references_, currencies, amounts, methods, return_urls, shopper_references, models, are_capturing, consents, created_ats, close_ats, status, keys, versions, paths, bodies, ask_again_ats, asker)!
-- Writes payments and their calls (table `question`) in one statement. An `asked_at` of 'epoch'
-- means that the call is not sent yet: see lock_unasked.
WITH intent AS (
    INSERT INTO payment (id, reference, currency, minor_units, method, return_url,
                         shopper_reference, model, captures_itself, consent, created_at, close_at,
                         close_due_at, status, told_status)
    SELECT one.*, one.close_at, :status, :status
    FROM unnest(:ids::text[], :references_::text[], :currencies::text[], :amounts::bigint[],
                :methods::text[], :return_urls::text[], :shopper_references::text[],
                :models::text[], :are_capturing::boolean[], :consents::text[],
                :created_ats::timestamptz[], :close_ats::timestamptz[])
        AS one (id, reference, currency, minor_units, method, return_url, shopper_reference, model,
                captures_itself, consent, created_at, close_at)
)
INSERT INTO question (payment_id, key, version, path, body, opened_at, ask_again_at, kind, asked_at,
                      asker)
SELECT one.*, 'payments', 'epoch', :asker
FROM unnest(:ids::text[], :keys::text[], :versions::smallint[], :paths::text[], :bodies::bytea[],
            :created_ats::timestamptz[], :ask_again_ats::timestamptz[]) AS one;

-- name: lock_unasked(payment_ids)
-- Locks the calls of these payments that were never sent, and returns their payments. Before a call
-- is sent, its `asked_at` is changed; when a try ends without an answer, `tries` is increased.
SELECT payment_id FROM question
WHERE payment_id = ANY (:payment_ids::text[]) AND kind = 'payments' AND status IS NULL
      AND asked_at = 'epoch' AND tries = 0
ORDER BY key FOR UPDATE;

-- name: withdraw(payment_ids, status, answer)!
-- Stores an answer by Kasir itself for calls that were never sent, so that they are never sent.
UPDATE question SET status = :status, answer = :answer
WHERE payment_id = ANY (:payment_ids::text[]) AND kind = 'payments' AND status IS NULL
      AND asked_at = 'epoch' AND tries = 0;
