-- name: loaded
SELECT partition, start_ms, files_hash, data_hash, rows_in, kept, quarantined, forced, epoch_ms(loaded_at) AS loaded_at_ms
FROM batches
WHERE table_name = $table AND ($partitions IS NULL OR list_contains($partitions, partition))
    AND start_ms >= $start_ms AND start_ms < $end_ms
ORDER BY start_ms, partition;

-- name: history
SELECT partition, start_ms, rows_in, kept, quarantined, statistics
FROM batches
WHERE table_name = $table AND start_ms >= $since_ms AND start_ms < $before_ms
    AND ($cycle_ms IS NULL OR list_contains($phases, start_ms % $cycle_ms))
    AND partition NOT IN (SELECT unnest($except_partitions))
ORDER BY start_ms, partition;

-- name: hashes
SELECT table_name, partition, data_hash
FROM batches
WHERE (table_name IN ('users', 'items') AND start_ms < $end_ms)
    OR (table_name IN ('exposures', 'external_clicks') AND start_ms >= $start_ms AND start_ms < $end_ms)
ORDER BY table_name, start_ms, partition;

-- name: hashes_by_start
SELECT table_name, partition, start_ms, data_hash
FROM batches
WHERE start_ms < $end_ms
    AND (table_name IN ('users', 'items') OR table_name IN ('exposures', 'external_clicks') AND start_ms >= $start_ms)
ORDER BY start_ms, table_name, partition;

-- name: state
SELECT count(*), bit_xor(hash(table_name, partition, data_hash, kept, quarantined)),
    sum(hash(partition, data_hash, table_name) % 1000000007)
FROM batches
WHERE list_contains($tables, table_name)
    AND NOT (table_name = $replaced_table AND list_contains($replaced_partitions, partition));

-- name: broken_invariant
SELECT table_name, partition, rows_in, kept, quarantined, stored, set_aside
FROM batches
LEFT JOIN (
    SELECT 'exposures' AS table_name, partition, count(*) AS stored FROM exposures GROUP BY 2
    UNION ALL SELECT 'external_clicks', partition, count(*) FROM external_clicks GROUP BY 2
    UNION ALL SELECT 'users', partition, count(*) FROM users GROUP BY 2
    UNION ALL SELECT 'items', partition, count(*) FROM items GROUP BY 2
    UNION ALL SELECT 'purchases', partition, count(*) FROM purchases GROUP BY 2
    UNION ALL SELECT 'points', partition, count(*) FROM points GROUP BY 2
    UNION ALL SELECT 'demographics', partition, count(*) FROM demographics GROUP BY 2
    UNION ALL SELECT 'labels', partition, count(*) FROM labels GROUP BY 2
) USING (table_name, partition)
LEFT JOIN (SELECT table_name, partition, count(*) AS set_aside FROM quarantine GROUP BY 1, 2) USING (table_name, partition)
WHERE (
        coalesce(stored, 0) <> kept
        OR coalesce(set_aside, 0) <> quarantined
        OR rows_in <> coalesce(stored, 0) + coalesce(set_aside, 0)
    )
    AND ($table IS NULL OR table_name = $table)
    AND ($partitions IS NULL OR list_contains($partitions, partition))
ORDER BY ALL;

-- name: described
SELECT DISTINCT {index} FROM {table} WHERE {index} IN (SELECT number FROM numbers);

-- name: described_count
SELECT count(DISTINCT {index}) FROM {table};

-- name: existing_exposure_ids
SELECT DISTINCT exposure_id
FROM exposures
WHERE shown_at >= $start_ms AND shown_at < $end_ms
    AND exposure_id IN (SELECT exposure_id FROM queries)
    AND partition NOT IN (SELECT unnest($except_partitions));

-- name: exposure_hours
SELECT exposure_id, shown_at // 3600000 AS hour FROM exposures;

-- `queries` holds the user, genre and brand of cancelled purchases; a missing brand is a purchase of any brand.

-- name: first_purchases
SELECT queries.position, min(purchases.purchased_at) AS first
FROM queries
JOIN user_index USING (user_id)
JOIN category_index AS genres
    ON genres.table_name = 'purchases' AND genres.column_name = 'genre' AND genres.value = queries.genre
LEFT JOIN category_index AS brands
    ON brands.table_name = 'purchases' AND brands.column_name = 'brand' AND brands.value = queries.brand
JOIN purchases
    ON purchases.user_index = user_index.user_index
    AND purchases.genre = genres.code
    AND (queries.brand IS NULL OR purchases.brand = brands.code)
WHERE NOT purchases.cancelled AND purchases.partition NOT IN (SELECT unnest($except_partitions))
GROUP BY queries.position;
