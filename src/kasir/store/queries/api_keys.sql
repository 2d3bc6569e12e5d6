-- name: add_api_key(hash, name, now)^
INSERT INTO api_key (hash, name, created_at) VALUES (:hash, :name, :now)
ON CONFLICT (name) DO NOTHING
RETURNING name;

-- name: remove_api_key(name)$
DELETE FROM api_key WHERE name = :name RETURNING name;

-- name: api_key_name(hash)$
SELECT name FROM api_key WHERE hash = :hash;

-- name: api_keys()
SELECT name, created_at FROM api_key ORDER BY name;
