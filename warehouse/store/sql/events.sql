-- name: exposures
SELECT
    exposure_id,
    user_index::BIGINT AS user,
    item_index::BIGINT AS item,
    shown_at,
    clicked,
    coalesce(dwell_seconds, 'nan'::FLOAT) AS dwell_seconds
    {codes}
FROM exposures
WHERE shown_at >= $start_ms AND shown_at < $end_ms
ORDER BY shown_at, row;

-- name: external
SELECT
    user_index::BIGINT AS user,
    item_index::BIGINT AS item,
    domain::BIGINT AS domain,
    occurred_at,
    received_at
FROM external_clicks
WHERE received_at >= $start_ms AND received_at < $end_ms
ORDER BY received_at, row;

-- `mentioned` holds the indices that the events of the range name; the descriptions are those valid before its end.

-- name: users_all
SELECT coalesce(mentioned.index, latest.user_index)::BIGINT AS index, (-1)::BIGINT AS published_at {codes}
FROM mentioned FULL JOIN (
    SELECT * FROM users WHERE valid_from < $end_ms
    QUALIFY row_number() OVER (PARTITION BY user_index ORDER BY valid_from DESC, partition DESC, row DESC) = 1
) AS latest ON latest.user_index = mentioned.index
ORDER BY 1;

-- name: users_mentioned
SELECT mentioned.index::BIGINT AS index, (-1)::BIGINT AS published_at {codes}
FROM mentioned LEFT JOIN (
    SELECT * FROM users WHERE valid_from < $end_ms AND user_index IN (SELECT index FROM mentioned)
    QUALIFY row_number() OVER (PARTITION BY user_index ORDER BY valid_from DESC, partition DESC, row DESC) = 1
) AS latest ON latest.user_index = mentioned.index
ORDER BY 1;

-- name: items_all
SELECT
    coalesce(mentioned.index, latest.item_index)::BIGINT AS index,
    coalesce(latest.published_at, -1)::BIGINT AS published_at
    {codes}
FROM mentioned FULL JOIN (
    SELECT * FROM items WHERE valid_from < $end_ms
    QUALIFY row_number() OVER (PARTITION BY item_index ORDER BY valid_from DESC, partition DESC, row DESC) = 1
) AS latest ON latest.item_index = mentioned.index
ORDER BY 1;

-- name: items_mentioned
SELECT mentioned.index::BIGINT AS index, coalesce(latest.published_at, -1)::BIGINT AS published_at {codes}
FROM mentioned LEFT JOIN (
    SELECT * FROM items WHERE valid_from < $end_ms AND item_index IN (SELECT index FROM mentioned)
    QUALIFY row_number() OVER (PARTITION BY item_index ORDER BY valid_from DESC, partition DESC, row DESC) = 1
) AS latest ON latest.item_index = mentioned.index
ORDER BY 1;
