-- name: delete_predictions
DELETE FROM predictions WHERE system = $system AND partition = $partition;

-- name: insert_predictions
INSERT INTO predictions BY NAME
SELECT exposure_id, $system AS system, $model_version AS model_version, $partition AS partition, score
FROM staged_predictions;

-- name: read_predictions
SELECT exposure_id, system, model_version, partition, score
FROM predictions
WHERE ($system IS NULL OR system = $system) AND ($partition IS NULL OR partition = $partition)
ORDER BY system, partition, exposure_id;

-- name: delete_metrics
DELETE FROM metrics
WHERE EXISTS (
    SELECT 1 FROM staged_metrics AS fresh
    WHERE fresh.name = metrics.name AND fresh.system = metrics.system AND fresh.partition = metrics.partition
);

-- name: insert_metrics
INSERT INTO metrics BY NAME SELECT name, system, partition, value, extra FROM staged_metrics;

-- name: read_metrics
SELECT name, system, partition, value, extra
FROM metrics
WHERE ($name IS NULL OR name = $name) AND ($system IS NULL OR system = $system)
ORDER BY name, system, partition;

-- name: newest_result
SELECT max(left(partition, 10)) FROM {table}
WHERE left(partition, 10) <= $today AND regexp_matches(partition, '^\d\d\d\d-\d\d-\d\d');

-- name: count_results
SELECT count(*) FROM {table} WHERE partition < $first AND regexp_matches(partition, '^\d\d\d\d-\d\d-\d\d');

-- name: expire_results
DELETE FROM {table} WHERE partition < $first AND regexp_matches(partition, '^\d\d\d\d-\d\d-\d\d');
