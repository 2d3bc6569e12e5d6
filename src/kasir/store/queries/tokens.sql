-- name: claim(id, merchant_account, shopper_reference, stored_hash, sealed_id, method, created_at)^
-- The token's row, made if it is new, and locked until the transaction ends.
INSERT INTO token (id, merchant_account, shopper_reference, stored_hash, sealed_id, method,
                   created_at)
VALUES (:id, :merchant_account, :shopper_reference, :stored_hash, :sealed_id, :method, :created_at)
ON CONFLICT (merchant_account, shopper_reference, stored_hash)
    DO UPDATE SET method = CASE WHEN token.method = '' THEN EXCLUDED.method ELSE token.method END
RETURNING id;

-- name: facts_of(token_id)
SELECT * FROM token_fact WHERE token_id = :token_id;

-- name: add_fact(token_id, key, says, source, at, psp_reference)!
INSERT INTO token_fact (token_id, key, says, source, at, psp_reference)
VALUES (:token_id, :key, :says, :source, :at, :psp_reference)
ON CONFLICT (token_id, key) DO NOTHING;

-- name: write_standing(id, state, first_psp_reference, created_at, is_sure)!
UPDATE token
SET state = :state, first_psp_reference = :first_psp_reference, created_at = :created_at,
    is_sure = :is_sure
WHERE id = :id;

-- name: token(id)^
-- What it was made for is told by the payment that made it, whichever of the two came first.
SELECT token.*, COALESCE((
    SELECT payment.model FROM psp_reference JOIN payment ON payment.id = psp_reference.payment_id
    WHERE psp_reference.name = token.first_psp_reference), '') AS model
FROM token WHERE token.id = :id;

-- name: tokens_of(shopper_reference)
SELECT token.*, COALESCE((
    SELECT payment.model FROM psp_reference JOIN payment ON payment.id = psp_reference.payment_id
    WHERE psp_reference.name = token.first_psp_reference), '') AS model
FROM token WHERE token.shopper_reference = :shopper_reference
ORDER BY token.created_at DESC, token.id;

-- name: tokens_stored_as(stored_hash)
SELECT token.*, '' AS model FROM token WHERE stored_hash = :stored_hash;

-- name: watch(shopper_reference, look_at)!
INSERT INTO shopper (shopper_reference, look_at) VALUES (:shopper_reference, :look_at)
ON CONFLICT (shopper_reference) DO UPDATE
SET look_at = LEAST(shopper.look_at, EXCLUDED.look_at), looks = 0;

-- name: due_shoppers(now, later, most)
UPDATE shopper SET look_at = :later
WHERE shopper_reference IN (
    SELECT shopper_reference FROM shopper WHERE look_at <= :now
    ORDER BY look_at LIMIT :most FOR UPDATE SKIP LOCKED
)
RETURNING shopper_reference;

-- name: looks(shopper_reference)$
SELECT looks FROM shopper WHERE shopper_reference = :shopper_reference;

-- name: looked(shopper_reference, look_at)!
UPDATE shopper SET look_at = :look_at, looks = looks + 1
WHERE shopper_reference = :shopper_reference;

-- name: watched(most)
SELECT shopper_reference FROM shopper ORDER BY look_at LIMIT :most;
