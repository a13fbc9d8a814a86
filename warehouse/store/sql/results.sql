-- `key_number` is the partition's key as a number (results.py). Both tables are written hour by hour, so that a condition
-- on it passes over all ranges of rows but the hour's; partitions that are neither hour nor day have none.

-- name: delete_predictions
DELETE FROM predictions
WHERE ($key_number IS NULL OR key_number = $key_number) AND partition = $partition
    AND list_contains($systems, system);

-- name: insert_predictions
INSERT INTO predictions BY NAME
SELECT
    exposure_id, system, model_version, $partition AS partition, $key_number::BIGINT AS key_number, score
FROM staged_predictions;

-- name: read_predictions
SELECT exposure_id, system, model_version, partition, score
FROM predictions
WHERE ($key_number IS NULL OR key_number = $key_number) AND ($system IS NULL OR system = $system)
    AND ($partition IS NULL OR partition = $partition)
ORDER BY system, partition, exposure_id;

-- name: delete_metrics
DELETE FROM metrics
WHERE key_number >= $first AND key_number <= $last AND EXISTS (
    SELECT 1 FROM staged_metrics AS fresh
    WHERE fresh.name = metrics.name AND fresh.system = metrics.system AND fresh.partition = metrics.partition
);

-- name: delete_metrics_of_no_time
DELETE FROM metrics
WHERE key_number IS NULL AND EXISTS (
    SELECT 1 FROM staged_metrics AS fresh
    WHERE fresh.name = metrics.name AND fresh.system = metrics.system AND fresh.partition = metrics.partition
);

-- name: insert_metrics
INSERT INTO metrics BY NAME SELECT name, system, partition, key_number, value, extra FROM staged_metrics;

-- name: read_metrics
SELECT name, system, partition, value, extra
FROM metrics
WHERE ($name IS NULL OR name = $name) AND ($system IS NULL OR system = $system)
    AND ($first IS NULL OR key_number >= $first) AND ($last IS NULL OR key_number <= $last)
ORDER BY name, system, partition;

-- name: newest_result
SELECT max(left(partition, 10)) FROM {table}
WHERE left(partition, 10) <= $today AND regexp_matches(partition, '^\d\d\d\d-\d\d-\d\d');

-- name: count_results
SELECT count(*) FROM {table} WHERE partition < $first AND regexp_matches(partition, '^\d\d\d\d-\d\d-\d\d');

-- name: expire_results
DELETE FROM {table} WHERE partition < $first AND regexp_matches(partition, '^\d\d\d\d-\d\d-\d\d');
