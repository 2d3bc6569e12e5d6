-- name: save_payment_view(person, name, query, most)^
-- Replaces a view of the same name. A person has at most `most` views; no row is returned if this
-- one would be too many.
INSERT INTO payment_view (person, name, query)
SELECT :person::text, :name::text, :query::text
WHERE EXISTS (SELECT FROM payment_view WHERE person = :person AND name = :name)
      OR (SELECT count(*) FROM payment_view WHERE person = :person) < :most
ON CONFLICT (person, name) DO UPDATE SET query = EXCLUDED.query
RETURNING name;

-- name: remove_payment_view(person, name)^
DELETE FROM payment_view WHERE person = :person AND name = :name RETURNING name;

-- name: payment_views(person)
SELECT name, query FROM payment_view WHERE person = :person ORDER BY name;
