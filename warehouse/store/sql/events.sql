-- name: exposures
SELECT
    {ids}
    user_index::BIGINT AS user,
    item_index::BIGINT AS item,
    shown_at,
    clicked,
    coalesce(dwell_seconds, 'nan'::FLOAT) AS dwell_seconds,
    coalesce(request, -1) AS request
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

-- `mentioned` holds the indices that the events of the range name, each with the instant before which its description
-- must have been valid; `{entities}` are users or items and `{key}` their index.

-- name: descriptions
SELECT {key}::BIGINT AS index, {published_at}::BIGINT AS published_at {codes}
FROM {entities}
WHERE valid_from < $end_ms
QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY valid_from DESC, partition DESC, row DESC) = 1
ORDER BY 1;

-- name: all
SELECT coalesce(mentioned.index, latest.{key})::BIGINT AS index, {published_at}::BIGINT AS published_at {codes}
FROM mentioned FULL JOIN (
    SELECT * FROM {entities} WHERE valid_from < $end_ms
    QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY valid_from DESC, partition DESC, row DESC) = 1
) AS latest ON latest.{key} = mentioned.index
ORDER BY 1;

-- name: mentioned
SELECT mentioned.index::BIGINT AS index, {published_at}::BIGINT AS published_at {codes}
FROM mentioned LEFT JOIN (
    SELECT {entities}.* FROM {entities} JOIN mentioned ON {key} = mentioned.index AND valid_from < mentioned.before_ms
    QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY valid_from DESC, partition DESC, row DESC) = 1
) AS latest ON latest.{key} = mentioned.index
ORDER BY 1;

-- name: exposures_by_user
SELECT user_index::BIGINT AS user, count(*)::BIGINT AS times
FROM exposures
WHERE shown_at >= $start_ms AND shown_at < $end_ms
GROUP BY 1
ORDER BY 1;

-- name: first_shown
SELECT item_index::BIGINT AS item, min(shown_at)::BIGINT AS first
FROM exposures
WHERE shown_at >= $start_ms AND shown_at < $end_ms
GROUP BY 1
ORDER BY 1;
