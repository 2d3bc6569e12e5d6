-- name: open_payment(id, reference, currency, minor_units, method, return_url, shopper_reference, link_id, captures_itself, model, consent, created_at, asked_at, close_at, status, key, version, path, body, ask_again_at, asker)!
-- The intent and its question, in one statement and so in one commit.
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
-- The same, if the shop's key is new; no row comes back where it is not, and nothing was written.
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

-- name: claim_shop_key(shop_key, fingerprint, question_key, at)^
INSERT INTO shop_request (key, fingerprint, question_key, at)
VALUES (:shop_key, :fingerprint, :question_key, :at)
ON CONFLICT (key) DO NOTHING
RETURNING key;

-- name: shop_key(key)^
SELECT request.fingerprint, question.*
FROM shop_request AS request
JOIN question ON question.key = request.question_key
WHERE request.key = :key;

-- name: open_question(key, kind, payment_id, version, path, body, opened_at, asked_at, ask_again_at, asker)^
INSERT INTO question (key, kind, payment_id, version, path, body, opened_at, asked_at,
                      ask_again_at, asker)
VALUES (:key, :kind, :payment_id, :version, :path, :body, :opened_at, :asked_at, :ask_again_at,
        :asker)
ON CONFLICT (key) DO NOTHING
RETURNING key;

-- name: question(key)^
SELECT * FROM question WHERE key = :key;

-- name: take_over(key, asked_at, now, asker)^
UPDATE question SET asked_at = :now, asker = :asker
WHERE key = :key AND asked_at = :asked_at AND status IS NULL
RETURNING key;

-- name: let_go(key, asked_at, ask_again_at)!
-- Nothing final was heard: whoever comes next may ask again at once, with the same key.
UPDATE question SET asked_at = 'epoch', tries = tries + 1, ask_again_at = :ask_again_at
WHERE key = :key AND asked_at = :asked_at AND status IS NULL;

-- name: keep_answer(key, status, answer, answer_psp, payment_id, psp_reference)!
UPDATE question
SET status = :status, answer = :answer, answer_psp = :answer_psp,
    payment_id = COALESCE(:payment_id, payment_id), psp_reference = :psp_reference
WHERE key = :key AND status IS NULL;

-- name: owned_returns(most)
-- Answers to a shopper's return whose payment was not known when they came, and now is.
SELECT question.*, psp_reference.payment_id AS owner
FROM question JOIN psp_reference ON psp_reference.name = question.psp_reference
WHERE question.payment_id IS NULL AND question.psp_reference <> ''
LIMIT :most
FOR UPDATE OF question SKIP LOCKED;

-- name: unclaimed_return(psp_reference)^
SELECT key FROM question
WHERE psp_reference = :psp_reference AND psp_reference <> '' AND payment_id IS NULL LIMIT 1;

-- name: adopt_question(key, payment_id)!
UPDATE question SET payment_id = :payment_id WHERE key = :key;

-- name: payment(id)^
SELECT * FROM payment WHERE id = :id;

-- name: payments_of(reference, most)
SELECT * FROM payment WHERE reference = :reference ORDER BY created_at DESC, id DESC LIMIT :most;

-- name: payments_of_link(link_id, most, ended)
-- The newest ones, and of those before them what decides whether the link may be paid: one that is
-- paid, and those that may yet be.
(SELECT * FROM payment WHERE link_id = :link_id ORDER BY created_at DESC, id DESC LIMIT :most)
UNION
(SELECT * FROM payment WHERE link_id = :link_id AND status = 'authorised'
 ORDER BY created_at DESC, id DESC LIMIT 1)
UNION
(SELECT * FROM payment WHERE link_id = :link_id AND status <> ALL (:ended::text[])
 ORDER BY status = 'awaiting_shopper', created_at DESC, id DESC LIMIT :most)
ORDER BY created_at DESC, id DESC;

-- name: payment_of_attempt(psp_reference)^
-- The owner of a name, where that names an attempt and not a change.
SELECT payment.* FROM psp_reference JOIN payment ON payment.id = psp_reference.payment_id
WHERE psp_reference.name = :psp_reference AND EXISTS (
    SELECT FROM fact WHERE fact.payment_id = payment.id AND fact.psp_reference = :psp_reference
);

-- name: original_of(name)^
-- The payment that a change was asked of, or that Adyen gave another name while it was not paid.
SELECT payment.reference, coalesce(
    (SELECT fact.psp_reference FROM fact
     WHERE fact.payment_id = payment.id AND fact.modification = :name AND fact.psp_reference <> ''
     LIMIT 1),
    payment.psp_reference, '') AS original
FROM psp_reference JOIN payment ON payment.id = psp_reference.payment_id
WHERE psp_reference.name = :name;

-- name: wake_unplaced(names)!
-- It is known now whose these names are. In the order of their ids, as everybody locks several.
UPDATE notice SET state = 'unread'
WHERE id IN (
    SELECT id FROM notice
    WHERE state IN ('waiting', 'foreign', 'held') AND payment_id IS NULL
          AND names && :names::text[]
    ORDER BY id FOR UPDATE
);
