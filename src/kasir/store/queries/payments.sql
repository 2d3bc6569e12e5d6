-- name: open_payment(id, reference, currency, minor_units, method, return_url, shopper_reference, link_id, created_at, status, key, version, path, body)!
-- The intent and its question, in one statement and so in one commit.
WITH intent AS (
    INSERT INTO payment (id, reference, currency, minor_units, method, return_url,
                         shopper_reference, link_id, created_at, status)
    VALUES (:id, :reference, :currency, :minor_units, :method, :return_url,
            :shopper_reference, :link_id, :created_at, :status)
    RETURNING id
)
INSERT INTO question (key, kind, payment_id, version, path, body, asked_at)
SELECT :key, 'payments', intent.id, :version, :path, :body, :created_at FROM intent;

-- name: open_payment_once(shop_key, fingerprint, id, reference, currency, minor_units, method, return_url, shopper_reference, link_id, created_at, status, key, version, path, body)^
-- The same, if the shop's key is new; no row comes back where it is not, and nothing was written.
WITH claim AS (
    INSERT INTO shop_request (key, fingerprint, payment_id, at)
    VALUES (:shop_key, :fingerprint, :id, :created_at)
    ON CONFLICT (key) DO NOTHING
    RETURNING payment_id
), intent AS (
    INSERT INTO payment (id, reference, currency, minor_units, method, return_url,
                         shopper_reference, link_id, created_at, status)
    SELECT claim.payment_id, :reference, :currency, :minor_units, :method, :return_url,
           :shopper_reference, :link_id, :created_at, :status
    FROM claim
    RETURNING id
)
INSERT INTO question (key, kind, payment_id, version, path, body, asked_at)
SELECT :key, 'payments', intent.id, :version, :path, :body, :created_at FROM intent
RETURNING key;

-- name: shop_key(key)^
SELECT request.fingerprint, question.*
FROM shop_request AS request
JOIN question ON question.payment_id = request.payment_id AND question.kind = 'payments'
WHERE request.key = :key;

-- name: open_question(key, kind, payment_id, version, path, body, asked_at)^
INSERT INTO question (key, kind, payment_id, version, path, body, asked_at)
VALUES (:key, :kind, :payment_id, :version, :path, :body, :asked_at)
ON CONFLICT (key) DO NOTHING
RETURNING key;

-- name: question(key)^
SELECT * FROM question WHERE key = :key;

-- name: take_over(key, asked_at, now)^
UPDATE question SET asked_at = :now
WHERE key = :key AND asked_at = :asked_at AND status IS NULL
RETURNING key;

-- name: release(key, asked_at)!
-- Nothing final was heard: whoever comes next may ask again at once, with the same key.
UPDATE question SET asked_at = 'epoch' WHERE key = :key AND asked_at = :asked_at AND status IS NULL;

-- name: keep_answer(key, status, answer, answer_psp, payment_id, psp_reference)!
UPDATE question
SET status = :status, answer = :answer, answer_psp = :answer_psp,
    payment_id = COALESCE(payment_id, :payment_id), psp_reference = :psp_reference
WHERE key = :key AND status IS NULL;

-- name: lock_payments(ids)
-- In the order of their ids, so that two who lock several never wait for each other.
SELECT * FROM payment WHERE id = ANY (:ids::text[]) ORDER BY id FOR UPDATE;

-- name: payment(id)^
SELECT * FROM payment WHERE id = :id;

-- name: payments_of(reference, most)
SELECT * FROM payment WHERE reference = :reference ORDER BY created_at DESC, id DESC LIMIT :most;

-- name: payments_of_link(link_id, most)
SELECT * FROM payment WHERE link_id = :link_id ORDER BY created_at DESC, id DESC LIMIT :most;

-- name: facts_of(payment_ids)
SELECT * FROM fact WHERE payment_id = ANY (:payment_ids::text[]) ORDER BY heard_at, key;

-- name: add_facts(payment_ids, keys, says, sources, ats, abouts, psp_references, currencies, minor_units, words)!
INSERT INTO fact (payment_id, key, says, source, at, about, psp_reference, currency, minor_units,
                  words)
SELECT news.*
FROM unnest(:payment_ids::text[], :keys::text[], :says::text[], :sources::text[],
            :ats::timestamptz[], :abouts::text[], :psp_references::text[], :currencies::text[],
            :minor_units::bigint[], :words::text[]) AS news
ON CONFLICT (payment_id, key) DO NOTHING;

-- name: write_standings(ids, statuses, psp_references, captureds, refundeds)!
UPDATE payment
SET status = now_is.status, psp_reference = now_is.psp_reference, captured = now_is.captured,
    refunded = now_is.refunded
FROM unnest(:ids::text[], :statuses::text[], :psp_references::text[], :captureds::bigint[],
            :refundeds::bigint[])
    AS now_is (id, status, psp_reference, captured, refunded)
WHERE payment.id = now_is.id;

-- name: candidates(references_, most)
-- Payments that news with these references could be about, with the attempts known to be theirs.
SELECT payment.reference, payment.id,
       ARRAY(SELECT DISTINCT fact.psp_reference FROM fact
             WHERE fact.payment_id = payment.id AND fact.psp_reference <> '') AS psp_references
FROM payment
WHERE payment.reference = ANY (:references_::text[])
ORDER BY payment.id
LIMIT :most;

-- name: orphan_questions(psp_references)
-- Answers of details calls that could not be told apart when they came, and now can.
SELECT * FROM question
WHERE payment_id IS NULL AND psp_reference = ANY (:psp_references::text[]) AND status IS NOT NULL
FOR UPDATE;

-- name: adopt_question(key, payment_id)!
UPDATE question SET payment_id = :payment_id WHERE key = :key;
