-- From schema 1: hours and days that were recorded as loaded although no file of theirs had landed.

-- name: forget_missing
DELETE FROM batches
WHERE table_name IN ('exposures', 'external_clicks', 'purchases', 'points') AND json_array_length(files) = 0
RETURNING table_name, partition;
