-- name: counts
SELECT table_name AS "table", rule, column_name AS "column", count(*) AS rows,
    count(DISTINCT partition) AS partitions, min(partition) AS first_partition, max(partition) AS last_partition
FROM quarantine
WHERE $table IS NULL OR table_name = $table
GROUP BY ALL
ORDER BY table_name, rows DESC, rule, column_name;

-- name: rows
SELECT id, table_name AS "table", partition, row, file, rule, rules, column_name AS "column", value, remedy, row_json
FROM quarantine
WHERE ($table IS NULL OR table_name = $table)
    AND ($rule IS NULL OR list_contains(string_split(rules, ','), $rule))
    AND ($partition IS NULL OR partition = $partition)
    AND ($ids IS NULL OR list_contains($ids, id))
ORDER BY table_name, partition, row
LIMIT $most;

-- A replay: `staged` holds the rows that now pass, `staged_moves` their quarantine ids, partitions and a digest.

-- name: staged_loads
SELECT batches.partition, batches.start_ms, batches.kept + moved.rows AS kept
FROM batches
JOIN (SELECT partition, count(*) AS rows FROM staged_moves GROUP BY 1) AS moved USING (partition)
WHERE batches.table_name = $table
ORDER BY batches.start_ms, batches.partition;

-- name: delete_moved
DELETE FROM quarantine WHERE id IN (SELECT id FROM staged_moves);

-- name: update_batches
UPDATE batches SET
    kept = batches.kept + moved.rows,
    quarantined = batches.quarantined - moved.rows,
    data_hash = sha256(batches.data_hash || moved.digests)
FROM (
    SELECT partition, count(*) AS rows, string_agg(digest, '' ORDER BY row) AS digests FROM staged_moves GROUP BY 1
) AS moved
WHERE batches.table_name = $table AND batches.partition = moved.partition;
