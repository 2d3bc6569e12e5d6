-- name: claim(ids, merchant_accounts, shopper_references, stored_hashes, sealed_ids, methods, created_ats)
-- Inserts the new tokens. Locks all tokens in the arrays, in the order of the arrays, until the
-- transaction ends.
INSERT INTO token (id, merchant_account, shopper_reference, stored_hash, sealed_id, method,
                   created_at)
SELECT named.*
FROM unnest(:ids::text[], :merchant_accounts::text[], :shopper_references::text[],
            :stored_hashes::bytea[], :sealed_ids::bytea[], :methods::text[],
            :created_ats::timestamptz[]) AS named
ON CONFLICT (merchant_account, shopper_reference, stored_hash)
    DO UPDATE SET method = CASE WHEN token.method = '' THEN EXCLUDED.method ELSE token.method END
RETURNING id, merchant_account, shopper_reference, stored_hash;

-- name: facts_of(token_ids)
SELECT * FROM token_fact WHERE token_id = ANY (:token_ids::text[]);

-- name: write_changes(token_ids, keys, says, sources, ats, psp_references, ids, states, first_psp_references, created_ats, are_sure)!
-- Writes new facts and the new summaries of the tokens, in one statement. The caller has locked the
-- tokens.
WITH added AS (
    INSERT INTO token_fact (token_id, key, says, source, at, psp_reference)
    SELECT new_fact.*
    FROM unnest(:token_ids::text[], :keys::text[], :says::text[], :sources::text[],
                :ats::timestamptz[], :psp_references::text[]) AS new_fact
    ON CONFLICT (token_id, key) DO NOTHING
)
UPDATE token
SET state = now_is.state, first_psp_reference = now_is.first_psp_reference,
    created_at = now_is.created_at, is_sure = now_is.is_sure
FROM unnest(:ids::text[], :states::text[], :first_psp_references::text[],
            :created_ats::timestamptz[], :are_sure::boolean[])
    AS now_is (id, state, first_psp_reference, created_at, is_sure)
WHERE token.id = now_is.id;

-- name: tokens(ids)
-- `model` is the recurring processing model of the payment that created the token; empty if no
-- payment owns the token's first pspReference.
SELECT token.*, COALESCE((
    SELECT payment.model FROM psp_reference JOIN payment ON payment.id = psp_reference.payment_id
    WHERE psp_reference.name = token.first_psp_reference), '') AS model
FROM token WHERE token.id = ANY (:ids::text[]);

-- name: tokens_of(shopper_reference)
SELECT token.*, COALESCE((
    SELECT payment.model FROM psp_reference JOIN payment ON payment.id = psp_reference.payment_id
    WHERE psp_reference.name = token.first_psp_reference), '') AS model
FROM token WHERE token.shopper_reference = :shopper_reference
ORDER BY token.created_at DESC, token.id;

-- name: tokens_stored_as(stored_hash)
SELECT token.*, '' AS model FROM token WHERE stored_hash = :stored_hash;

-- name: watch(shopper_reference, compare_at)!
-- Schedules a comparison of a shopper's tokens with Adyen's list. `look_at` is when the next
-- comparison is due, `looks` is how many comparisons were made.
INSERT INTO shopper (shopper_reference, look_at) VALUES (:shopper_reference, :compare_at)
ON CONFLICT (shopper_reference) DO UPDATE
SET look_at = LEAST(shopper.look_at, EXCLUDED.look_at), looks = 0;

-- name: due_shoppers(now, later, most)
UPDATE shopper SET look_at = :later
WHERE shopper_reference IN (
    SELECT shopper_reference FROM shopper WHERE look_at <= :now
    ORDER BY look_at LIMIT :most FOR UPDATE SKIP LOCKED
)
RETURNING shopper_reference;

-- name: comparisons(shopper_reference)$
SELECT looks FROM shopper WHERE shopper_reference = :shopper_reference;

-- name: count_comparison(shopper_reference, compare_at)!
UPDATE shopper SET look_at = :compare_at, looks = looks + 1
WHERE shopper_reference = :shopper_reference;

-- name: watched(most)
SELECT shopper_reference FROM shopper ORDER BY look_at LIMIT :most;
