-- name: calls_of(payment_id, most)
SELECT key, kind, path, opened_at, tries, status FROM question
WHERE payment_id = :payment_id ORDER BY opened_at, key LIMIT :most;

-- name: notices_of(payment_id, most)
SELECT id, kind, item, event_code, received_at FROM notice
WHERE payment_id = :payment_id ORDER BY id LIMIT :most;

-- name: events_of(payment_id, most)
SELECT id, name, type, at, due_at, delivered_at, given_up_at FROM event
WHERE subject = :payment_id ORDER BY id LIMIT :most;

-- name: renewal_of(payment_id)^
SELECT subscription_id, period FROM renewal_attempt WHERE payment_id = :payment_id;

-- name: call(payment_id, key)^
SELECT kind, path, body, opened_at, asked_at, status, answer FROM question
WHERE key = :key AND payment_id = :payment_id;

-- name: notice(payment_id, id)^
SELECT kind, item, event_code, received_at FROM notice
WHERE id = :id AND payment_id = :payment_id;

-- name: event(payment_id, name)^
SELECT type, payload, at FROM event WHERE name = :name AND subject = :payment_id;
