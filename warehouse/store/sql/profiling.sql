-- Everything here is cut at an instant: rows at or after $end_ms are as if they were not there.

-- name: users
SELECT user_id, user_index::BIGINT AS user_index
FROM user_index
WHERE user_index IN (
    SELECT user_index FROM purchases WHERE purchased_at < $end_ms
    UNION ALL SELECT user_index FROM points WHERE occurred_at < $end_ms
    UNION ALL SELECT user_index FROM labels WHERE observed_at < $end_ms
    UNION ALL SELECT user_index FROM demographics WHERE valid_from < $end_ms
)
ORDER BY user_id;

-- name: purchase_span
SELECT count(*), coalesce(min(purchased_at), 0), coalesce(max(purchased_at), 0)
FROM purchases
WHERE purchased_at < $end_ms;

-- name: purchases
SELECT
    user_index::INTEGER AS user, purchased_at AS at_ms, coalesce(brand, -1)::INTEGER AS brand,
    genre::INTEGER AS genre, price::FLOAT AS price, cancelled
FROM purchases
WHERE purchased_at >= $start_ms AND purchased_at < $end_ms
ORDER BY purchased_at, partition, row;

-- name: demographics
SELECT user_index::BIGINT AS user {columns}
FROM demographics
WHERE valid_from < $end_ms
QUALIFY row_number() OVER (PARTITION BY user_index ORDER BY valid_from DESC, partition DESC, row DESC) = 1
ORDER BY user_index;

-- name: labels
SELECT user_index::BIGINT AS user, task::BIGINT AS task, label
FROM labels
WHERE observed_at < $end_ms
QUALIFY row_number() OVER (PARTITION BY user_index, task ORDER BY observed_at DESC, partition DESC, row DESC) = 1
ORDER BY user_index, task;

-- name: category_names
SELECT value FROM category_index WHERE table_name = $table AND column_name = $column ORDER BY code;

-- name: hashes
SELECT table_name, partition, data_hash
FROM batches
WHERE (table_name IN ('purchases', 'points') AND start_ms < $end_ms) OR table_name IN ('demographics', 'labels')
ORDER BY table_name, start_ms, partition;
