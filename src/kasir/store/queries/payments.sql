-- name: open_payment(id, reference, currency, minor_units, method, return_url, shopper_reference, link_id, captures_itself, model, consent, created_at, asked_at, close_at, status, key, version, path, body, ask_again_at, asker)!
-- Writes a payment and its call (table `question`), in one statement and so in one commit.
WITH intent AS (
    INSERT INTO payment (id, reference, currency, minor_units, method, return_url,
                         shopper_reference, link_id, captures_itself, model, consent,
                         created_at, close_at, close_due_at, status, told_status)
    VALUES (:id, :reference, :currency, :minor_units, :method, :return_url, :shopper_reference,
            :link_id, :captures_itself, :model, :consent, :created_at, :close_at, :close_at, :status,
            :status)
    RETURNING id
)
INSERT INTO question (key, kind, payment_id, version, path, body, opened_at, asked_at,
                      ask_again_at, asker)
SELECT :key, 'payments', intent.id, :version, :path, :body, :created_at, :asked_at, :ask_again_at,
       :asker
FROM intent;

-- name: open_payment_once(shop_key, fingerprint, id, reference, currency, minor_units, method, return_url, shopper_reference, link_id, captures_itself, model, consent, created_at, asked_at, close_at, status, key, version, path, body, ask_again_at, asker)^
-- As open_payment, if the shop's idempotency key is new. Otherwise nothing is written and no row is
-- returned.
WITH claim AS (
    INSERT INTO shop_request (key, fingerprint, question_key, at)
    VALUES (:shop_key, :fingerprint, :key, :created_at)
    ON CONFLICT (key) DO NOTHING
    RETURNING key
), intent AS (
    INSERT INTO payment (id, reference, currency, minor_units, method, return_url,
                         shopper_reference, link_id, captures_itself, model, consent,
                         created_at, close_at, close_due_at, status, told_status)
    SELECT :id, :reference, :currency, :minor_units, :method, :return_url, :shopper_reference,
           :link_id, :captures_itself, :model, :consent, :created_at, :close_at, :close_at, :status,
           :status
    FROM claim
    RETURNING id
)
INSERT INTO question (key, kind, payment_id, version, path, body, opened_at, asked_at,
                      ask_again_at, asker)
SELECT :key, 'payments', intent.id, :version, :path, :body, :created_at, :asked_at, :ask_again_at,
       :asker
FROM intent
RETURNING key;

-- name: payment(id)^
SELECT * FROM payment WHERE id = :id;

-- name: payments_of(reference, most)
SELECT * FROM payment WHERE reference = :reference ORDER BY created_at DESC, id DESC LIMIT :most;

-- name: payments_of_link(link_id, most, ended)
-- The newest payments of a link, and older payments that decide whether the link may be paid: one
-- paid payment, and payments whose status is not final.
(SELECT * FROM payment WHERE link_id = :link_id ORDER BY created_at DESC, id DESC LIMIT :most)
UNION
(SELECT * FROM payment WHERE link_id = :link_id AND status = 'authorised'
 ORDER BY created_at DESC, id DESC LIMIT 1)
UNION
(SELECT * FROM payment WHERE link_id = :link_id AND status <> ALL (:ended::text[])
 ORDER BY status = 'awaiting_shopper', created_at DESC, id DESC LIMIT :most)
ORDER BY created_at DESC, id DESC;

-- name: disputed_payments(after, most)
-- Payments with a dispute, newest first, beginning after the payment with the id `after`.
SELECT * FROM payment
WHERE disputed AND (:after = '' OR (created_at, id)
                    < (SELECT last.created_at, last.id FROM payment AS last WHERE last.id = :after))
ORDER BY created_at DESC, id DESC LIMIT :most;

-- name: payment_of_attempt(psp_reference)^
-- The payment that owns a pspReference, if it is the pspReference of an attempt; no row if it is
-- that of a change.
SELECT payment.* FROM psp_reference JOIN payment ON payment.id = psp_reference.payment_id
WHERE psp_reference.name = :psp_reference AND EXISTS (
    SELECT FROM fact WHERE fact.payment_id = payment.id AND fact.psp_reference = :psp_reference
);

-- name: original_of(name)^
-- The payment that owns the pspReference `name`: the pspReference of a change, or one that the
-- provider gave before the payment was paid. `original` is the pspReference of the changed attempt,
-- else of the payment.
SELECT payment.reference, coalesce(
    (SELECT fact.psp_reference FROM fact
     WHERE fact.payment_id = payment.id AND fact.modification = :name AND fact.psp_reference <> ''
     LIMIT 1),
    payment.psp_reference, '') AS original
FROM psp_reference JOIN payment ON payment.id = psp_reference.payment_id
WHERE psp_reference.name = :name;

-- name: candidates(names, ids, references_, most)
-- The payments that a batch of messages may belong to: the owners of the pspReferences in the
-- batch, the payments whose ids are in the batch, and the newest payments of each reference.
-- Nothing is locked yet: if another transaction claims a pspReference first, the primary key
-- refuses the second claim.
SELECT payment_id AS id, name FROM psp_reference WHERE name = ANY (:names::text[])
UNION ALL
SELECT id, NULL FROM payment WHERE id = ANY (:ids::text[])
UNION ALL
SELECT found.id, NULL
FROM unnest(:references_::text[]) AS wanted (reference), LATERAL (
    SELECT id FROM payment WHERE reference = wanted.reference
    ORDER BY created_at DESC LIMIT :most
) AS found;

-- name: lock_payments(ids)
-- Locks payments in the order of their ids, so that two transactions that lock several never
-- deadlock.
SELECT * FROM payment WHERE id = ANY (:ids::text[]) ORDER BY id FOR UPDATE;

-- name: facts_of(payment_ids)
SELECT * FROM fact WHERE payment_id = ANY (:payment_ids::text[]) ORDER BY heard_at, key;

-- name: write_changes(payment_ids, keys, says, sources, ats, abouts, psp_references, modifications, currencies, minor_units, words, disputes, ids, statuses, attempts, captureds, refundeds, are_disputed, are_given_back, told_statuses, tell_ats, are_final, claims, claimants)!
-- Writes, in one statement, new facts, the pspReferences that they claim, and the new summary of
-- each payment. The caller has locked the payments. The primary key of `psp_reference` refuses a
-- pspReference that another payment owns.
WITH claimed AS (
    INSERT INTO psp_reference (name, payment_id)
    SELECT * FROM unnest(:claims::text[], :claimants::text[])
), added AS (
    INSERT INTO fact (payment_id, key, says, source, at, about, psp_reference, modification,
                      currency, minor_units, words, dispute)
    SELECT new_fact.*
    FROM unnest(:payment_ids::text[], :keys::text[], :says::text[], :sources::text[],
                :ats::timestamptz[], :abouts::text[], :psp_references::text[],
                :modifications::text[], :currencies::text[], :minor_units::bigint[],
                :words::text[], :disputes::jsonb[]) AS new_fact
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

-- name: record_first(id, status, attempt, told_status, tell_at, fact, says, source, at, about, psp_reference, modification, currency, minor_units, words, names, shopper, now, question, answer_status, answer, answer_psp, of_attempt)^
-- Writes, in one statement, the first fact of a payment and the answer that the fact is from. If
-- another fact was recorded before, nothing is written and no row is returned. PostgreSQL runs the
-- parts of a statement in any order, unless one part reads the rows that another part returns. To
-- fix the order, each part that locks rows reads the count of the part before it. The condition `>=
-- 0` is always true: docs/adr/0015.
WITH updated AS (
    UPDATE payment
    SET heard = 1, status = :status, psp_reference = :attempt, told_status = :told_status,
        tell_at = :tell_at
    WHERE id = :id AND heard = 0
    RETURNING id
), added AS (
    INSERT INTO fact (payment_id, key, says, source, at, about, psp_reference, modification,
                      currency, minor_units, words)
    SELECT id, :fact, :says, :source, :at, :about, :psp_reference, :modification, :currency,
           :minor_units, :words
    FROM updated
), claimed AS (
    INSERT INTO psp_reference (name, payment_id)
    SELECT name, updated.id FROM updated, unnest(:names::text[]) AS name
    RETURNING name
), scheduled AS (
    -- As `schedule` in subscriptions.sql, but without subscriptions that are over, because a first
    -- fact has no effect on them.
    UPDATE subscription SET due_at = :now, taken_until = NULL
    WHERE id IN (
        SELECT id FROM subscription
        WHERE shopper_reference = :shopper AND :shopper <> '' AND EXISTS (SELECT FROM updated)
              AND state NOT IN ('cancelled', 'ended') AND (SELECT count(*) FROM claimed) >= 0
        ORDER BY id FOR UPDATE
    )
    RETURNING id
), unread AS (
    UPDATE notice SET state = 'unread'
    WHERE id IN (
        SELECT id FROM notice
        WHERE state IN ('waiting', 'foreign', 'held') AND payment_id IS NULL
              AND names && :names::text[] AND EXISTS (SELECT FROM updated)
              AND (SELECT count(*) FROM scheduled) >= 0
        ORDER BY id FOR UPDATE
    )
)
UPDATE question
SET status = :answer_status, answer = :answer, answer_psp = :answer_psp,
    psp_reference = :of_attempt
FROM updated, (SELECT count(*) FROM scheduled) AS after_all
WHERE question.key = :question AND question.status IS NULL
RETURNING question.key;
