-- From schema 1: hours and days that were recorded as loaded although no file of theirs had landed.

-- name: forget_missing
DELETE FROM batches
WHERE table_name IN ('exposures', 'external_clicks', 'purchases', 'points') AND json_array_length(files) = 0
RETURNING table_name, partition;

-- From schema 2: results carry their partition's key as a number, as results.py writes it.

-- name: place_in_time
UPDATE {table} SET key_number = rpad(replace(substr(partition, 1, 13), '-', ''), 10, '0')::BIGINT
WHERE regexp_full_match(replace(substr(partition, 1, 13), '-', ''), '[0-9]{{8}}([0-9]{{2}})?');
