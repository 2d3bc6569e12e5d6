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
-- Claims an unanswered call for the process with the number `asker`, which then sends the call. No
-- row is returned if another process claimed the call since `asked_at`.
UPDATE question SET asked_at = :now, asker = :asker
WHERE key = :key AND asked_at = :asked_at AND status IS NULL
RETURNING key;

-- name: release(key, asked_at, ask_again_at)!
-- No final answer came, so the next caller may send the call again at once, with the same
-- idempotency key.
UPDATE question SET asked_at = 'epoch', tries = tries + 1, ask_again_at = :ask_again_at
WHERE key = :key AND asked_at = :asked_at AND status IS NULL;

-- name: keep_answer(key, status, answer, answer_psp, payment_id, psp_reference)!
UPDATE question
SET status = :status, answer = :answer, answer_psp = :answer_psp,
    payment_id = COALESCE(:payment_id, payment_id), psp_reference = :psp_reference
WHERE key = :key AND status IS NULL;

-- name: assignable_answers(most)
-- Answers to `/payments/details` whose payment was unknown when they came, and is known now
-- (`owner`).
SELECT question.*, psp_reference.payment_id AS owner
FROM question JOIN psp_reference ON psp_reference.name = question.psp_reference
WHERE question.payment_id IS NULL AND question.psp_reference <> ''
LIMIT :most
FOR UPDATE OF question SKIP LOCKED;

-- name: unassigned_answer(psp_reference)^
SELECT key FROM question
WHERE psp_reference = :psp_reference AND psp_reference <> '' AND payment_id IS NULL LIMIT 1;

-- name: assign_answers(keys, payment_ids)!
UPDATE question SET payment_id = assigned.payment_id
FROM unnest(:keys::text[], :payment_ids::text[]) AS assigned (key, payment_id)
WHERE question.key = assigned.key;
