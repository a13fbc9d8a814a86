-- name: purchases
SELECT user_index, purchased_at AS at_ms, genre * 2 + cancelled::INTEGER AS class, price AS amount, "row"
FROM purchases
WHERE purchased_at >= $start_ms AND purchased_at < $end_ms {users}

-- name: points
SELECT user_index, occurred_at AS at_ms, kind AS class, amount, "row"
FROM points
WHERE occurred_at >= $start_ms AND occurred_at < $end_ms {users}

-- name: users_between
AND user_index >= $first_user AND user_index < $end_user

-- name: users_asked
AND user_index IN (SELECT "user" FROM asked)

-- name: bought
SELECT user_index::BIGINT AS "user", genre::BIGINT AS genre, count(*)::BIGINT AS items
FROM purchases
WHERE purchased_at >= $start_ms AND purchased_at < $end_ms AND NOT cancelled {users}
GROUP BY user_index, genre
ORDER BY user_index, genre

-- name: clicked
SELECT
    user_index::BIGINT AS "user", day::BIGINT AS day, coalesce(topic, -1)::BIGINT AS topic,
    count(*)::BIGINT AS clicks
FROM (
    SELECT user_index, item_index, shown_at AS at_ms
    FROM exposures
    WHERE clicked AND shown_at >= $start_ms AND shown_at < $end_ms
    UNION ALL
    SELECT user_index, item_index, received_at AS at_ms
    FROM external_clicks
    WHERE received_at >= $start_ms AND received_at < $end_ms
)
JOIN quarters_of_period ON quarter = at_ms // 900000
LEFT JOIN (
    SELECT item_index, {topic} AS topic
    FROM items
    WHERE valid_from < $end_ms
    QUALIFY row_number() OVER (PARTITION BY item_index ORDER BY valid_from DESC, partition DESC, row DESC) = 1
) USING (item_index)
GROUP BY ALL
ORDER BY day, "user", topic

-- name: amounts
SELECT user_index, day, hour, channel, CASE aggregate
    WHEN 'sum' THEN sum(amount::DECIMAL(38, 16))::FLOAT WHEN 'count' THEN count(*)::FLOAT ELSE {last} END AS value
FROM ({events}) JOIN {channels} USING (class) JOIN quarters_of_period ON quarter = at_ms // 900000
GROUP BY user_index, day, hour, channel, aggregate

-- name: last
arg_max(amount, (at_ms, "row"))::FLOAT

-- name: no_last
NULL

-- name: payments
-- All that a user bought at one instant is one payment, unless all of it was cancelled.
SELECT user_index, day, hour, $baskets::USMALLINT AS channel, count(DISTINCT at_ms)::FLOAT AS value
FROM ({events}) JOIN quarters_of_period ON quarter = at_ms // 900000
WHERE class % 2 = 0
GROUP BY user_index, day, hour

-- name: cells
SELECT user_index, day, hour, channel, value FROM ({parts}) ORDER BY user_index, day, hour, channel

-- name: largest_user
SELECT coalesce(max(user_index), -1) FROM user_index;

-- name: batches
SELECT table_name, start_ms, partition, data_hash
FROM batches
WHERE table_name IN ('purchases', 'points') AND start_ms > $start_ms - 86400000 AND start_ms < $end_ms
    AND kept > 0
ORDER BY table_name, start_ms, partition;

-- Fitting a vocabulary.

-- name: genres_by_users
SELECT name
FROM (SELECT DISTINCT name, user_index
      FROM purchases JOIN genre_labels USING (genre)
      WHERE purchased_at >= $start_ms AND purchased_at < $end_ms AND cancelled = $cancelled)
GROUP BY name
ORDER BY count(*) DESC, name
LIMIT $most;

-- name: any_purchase
SELECT 1 FROM purchases
WHERE purchased_at >= $start_ms AND purchased_at < $end_ms AND cancelled = $cancelled
LIMIT 1;

-- name: any_points
SELECT 1 FROM points
JOIN category_index ON table_name = 'points' AND column_name = 'kind' AND code = kind
WHERE occurred_at >= $start_ms AND occurred_at < $end_ms AND value = $kind
LIMIT 1;

-- name: user_ids
SELECT user_index, user_id FROM user_index WHERE user_index IN (SELECT unnest($places)) ORDER BY user_index;
