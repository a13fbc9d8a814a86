-- name: clicks
SELECT user_index::INTEGER AS user, item_index::INTEGER AS item {of_exposures}
FROM exposures
WHERE clicked AND shown_at >= $start_ms AND shown_at < $end_ms
UNION ALL
SELECT user_index::INTEGER, item_index::INTEGER {of_external}
FROM external_clicks
WHERE received_at >= $start_ms AND received_at < $end_ms;

-- name: described
SELECT
    (SELECT coalesce(max(user_index) + 1, 0)::BIGINT FROM users WHERE valid_from < $end_ms),
    (SELECT coalesce(max(item_index) + 1, 0)::BIGINT FROM items WHERE valid_from < $end_ms);
