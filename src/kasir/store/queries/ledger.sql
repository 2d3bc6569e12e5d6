-- name: lock_payments(ids)
-- In the order of their ids, so that two who lock several never wait for each other.
SELECT * FROM payment WHERE id = ANY (:ids::text[]) ORDER BY id FOR UPDATE;

-- name: facts_of(payment_ids)
SELECT * FROM fact WHERE payment_id = ANY (:payment_ids::text[]) ORDER BY heard_at, key;

-- name: write_changes(payment_ids, keys, says, sources, ats, abouts, psp_references, modifications, currencies, minor_units, words, ids, statuses, attempts, captureds, refundeds, told_statuses, tell_ats, are_final)!
-- New facts, and what all facts now come to, in one statement: the rows are locked by the caller.
WITH heard AS (
    INSERT INTO fact (payment_id, key, says, source, at, about, psp_reference, modification,
                      currency, minor_units, words)
    SELECT news.*
    FROM unnest(:payment_ids::text[], :keys::text[], :says::text[], :sources::text[],
                :ats::timestamptz[], :abouts::text[], :psp_references::text[],
                :modifications::text[], :currencies::text[], :minor_units::bigint[],
                :words::text[]) AS news
    ON CONFLICT (payment_id, key) DO NOTHING
)
UPDATE payment
SET heard = heard + 1, status = now_is.status, psp_reference = now_is.psp_reference,
    captured = now_is.captured, refunded = now_is.refunded, told_status = now_is.told_status,
    tell_at = now_is.tell_at,
    close_due_at = CASE WHEN now_is.is_final THEN NULL ELSE close_due_at END
FROM unnest(:ids::text[], :statuses::text[], :attempts::text[], :captureds::bigint[],
            :refundeds::bigint[], :told_statuses::text[], :tell_ats::timestamptz[],
            :are_final::boolean[])
    AS now_is (id, status, psp_reference, captured, refunded, told_status, tell_at, is_final)
WHERE payment.id = now_is.id;

-- name: hear_first(id, status, attempt, told_status, tell_at, fact, says, source, at, about, psp_reference, modification, currency, minor_units, words, names, shopper, now, question, answer_status, answer, answer_psp, of_attempt)^
-- The first news of a payment and the answer it came with. No row comes back, and nothing is
-- written, where the payment heard something meanwhile: the count decides, under the row's lock.
WITH fresh AS (
    UPDATE payment
    SET heard = 1, status = :status, psp_reference = :attempt, told_status = :told_status,
        tell_at = :tell_at
    WHERE id = :id AND heard = 0
    RETURNING id
), heard AS (
    INSERT INTO fact (payment_id, key, says, source, at, about, psp_reference, modification,
                      currency, minor_units, words)
    SELECT id, :fact, :says, :source, :at, :about, :psp_reference, :modification, :currency,
           :minor_units, :words
    FROM fresh
), unplaced AS (
    UPDATE notice SET state = 'unread'
    WHERE state IN ('waiting', 'foreign') AND names && :names::text[]
          AND EXISTS (SELECT FROM fresh)
), subscribed AS (
    -- As `wake` does, but for those that are over: a shopper on the way is no news to them.
    UPDATE subscription SET due_at = :now, taken_until = NULL
    WHERE id IN (
        SELECT id FROM subscription
        WHERE shopper_reference = :shopper AND :shopper <> '' AND EXISTS (SELECT FROM fresh)
              AND state NOT IN ('cancelled', 'ended')
        ORDER BY id FOR UPDATE
    )
)
UPDATE question
SET status = :answer_status, answer = :answer, answer_psp = :answer_psp,
    psp_reference = :of_attempt
FROM fresh
WHERE question.key = :question AND question.status IS NULL
RETURNING question.key;

-- name: candidates(references_, wanted, most)
-- Payments that news with these references or names could be about, with the names known to be
-- theirs.
SELECT payment.reference, payment.id, payment.currency, payment.minor_units,
       ARRAY(SELECT DISTINCT name FROM fact, unnest(ARRAY[psp_reference, modification]) AS name
             WHERE fact.payment_id = payment.id AND name <> '') AS names
FROM payment
WHERE payment.id IN (
    SELECT id FROM payment WHERE reference = ANY (:references_::text[])
    UNION ALL
    -- `<> ''` is said for the planner, which cannot see it in an array: or the indexes go unused.
    SELECT payment_id FROM fact
    WHERE psp_reference = ANY (:wanted::text[]) AND psp_reference <> ''
    UNION ALL
    SELECT payment_id FROM fact
    WHERE modification = ANY (:wanted::text[]) AND modification <> ''
)
ORDER BY payment.id
LIMIT :most;
