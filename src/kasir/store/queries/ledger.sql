-- name: lock_payments(ids)
-- In the order of their ids, so that two who lock several never wait for each other.
SELECT * FROM payment WHERE id = ANY (:ids::text[]) ORDER BY id FOR UPDATE;

-- name: facts_of(payment_ids)
SELECT * FROM fact WHERE payment_id = ANY (:payment_ids::text[]) ORDER BY heard_at, key;

-- name: write_changes(payment_ids, keys, says, sources, ats, abouts, psp_references, modifications, currencies, minor_units, words, disputes, ids, statuses, attempts, captureds, refundeds, are_disputed, are_given_back, told_statuses, tell_ats, are_final, claims, claimants)!
-- New facts, the names claimed with them, and what all facts now come to, in one statement: the rows
-- are locked by the caller. A name that another payment owns is refused by its primary key.
WITH claimed AS (
    INSERT INTO psp_reference (name, payment_id)
    SELECT * FROM unnest(:claims::text[], :claimants::text[])
), heard AS (
    INSERT INTO fact (payment_id, key, says, source, at, about, psp_reference, modification,
                      currency, minor_units, words, dispute)
    SELECT news.*
    FROM unnest(:payment_ids::text[], :keys::text[], :says::text[], :sources::text[],
                :ats::timestamptz[], :abouts::text[], :psp_references::text[],
                :modifications::text[], :currencies::text[], :minor_units::bigint[],
                :words::text[], :disputes::jsonb[]) AS news
    ON CONFLICT (payment_id, key) DO NOTHING
)
UPDATE payment
SET heard = heard + 1, status = now_is.status, psp_reference = now_is.psp_reference,
    captured = now_is.captured, refunded = now_is.refunded, disputed = now_is.disputed,
    given_back = now_is.given_back, told_status = now_is.told_status,
    tell_at = now_is.tell_at,
    close_due_at = CASE WHEN now_is.is_final THEN NULL ELSE close_due_at END
FROM unnest(:ids::text[], :statuses::text[], :attempts::text[], :captureds::bigint[],
            :refundeds::bigint[], :are_disputed::boolean[], :are_given_back::boolean[],
            :told_statuses::text[], :tell_ats::timestamptz[],
            :are_final::boolean[])
    AS now_is (id, status, psp_reference, captured, refunded, disputed, given_back, told_status,
            tell_at, is_final)
WHERE payment.id = now_is.id;

-- name: hear_first(id, status, attempt, told_status, tell_at, fact, says, source, at, about, psp_reference, modification, currency, minor_units, words, names, shopper, now, question, answer_status, answer, answer_psp, of_attempt)^
-- The parts of a statement are done in whatever order the planner likes, unless one needs what
-- another gives. So each that locks rows counts what the one before it gave: docs/adr/0015.
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
), claimed AS (
    INSERT INTO psp_reference (name, payment_id)
    SELECT name, fresh.id FROM fresh, unnest(:names::text[]) AS name
    RETURNING name
), subscribed AS (
    -- As `wake` does, but for those that are over: a shopper on the way is no news to them.
    UPDATE subscription SET due_at = :now, taken_until = NULL
    WHERE id IN (
        SELECT id FROM subscription
        WHERE shopper_reference = :shopper AND :shopper <> '' AND EXISTS (SELECT FROM fresh)
              AND state NOT IN ('cancelled', 'ended') AND (SELECT count(*) FROM claimed) >= 0
        ORDER BY id FOR UPDATE
    )
    RETURNING id
), unplaced AS (
    UPDATE notice SET state = 'unread'
    WHERE id IN (
        SELECT id FROM notice
        WHERE state IN ('waiting', 'foreign', 'held') AND payment_id IS NULL
              AND names && :names::text[] AND EXISTS (SELECT FROM fresh)
              AND (SELECT count(*) FROM subscribed) >= 0
        ORDER BY id FOR UPDATE
    )
)
UPDATE question
SET status = :answer_status, answer = :answer, answer_psp = :answer_psp,
    psp_reference = :of_attempt
FROM fresh, (SELECT count(*) FROM subscribed) AS after_all
WHERE question.key = :question AND question.status IS NULL
RETURNING question.key;

-- name: candidates(names, ids, references_, most)
-- The payments that a batch of messages could be about: who owns its names, who is named by our own
-- id, and the newest of each reference. Nothing is locked yet: a name that is claimed meanwhile by
-- somebody else is refused when it is claimed again.
SELECT payment_id AS id, name FROM psp_reference WHERE name = ANY (:names::text[])
UNION ALL
SELECT id, NULL FROM payment WHERE id = ANY (:ids::text[])
UNION ALL
SELECT found.id, NULL
FROM unnest(:references_::text[]) AS wanted (reference), LATERAL (
    SELECT id FROM payment WHERE reference = wanted.reference
    ORDER BY created_at DESC LIMIT :most
) AS found;
