-- One load: `staged` holds the kept rows of all its partitions (with _partition, _row and _position, the order in
-- which dense numbers are given; chosen columns as columns.py names them), `staged_loads` one row a partition,
-- `staged_quarantine` the rows set aside.

-- name: loaded_before
SELECT count(*), coalesce(sum(batches.kept), 0)::BIGINT
FROM batches JOIN staged_loads USING (partition)
WHERE table_name = $table;

-- name: delete_rows
DELETE FROM {table} WHERE partition IN (SELECT partition FROM staged_loads) {within};

-- name: delete_quarantine
DELETE FROM quarantine WHERE table_name = $table AND partition IN (SELECT partition FROM staged_loads);

-- name: delete_batches
DELETE FROM batches WHERE table_name = $table AND partition IN (SELECT partition FROM staged_loads);

-- `staged_user_index` and `staged_item_index` have the ids of `staged` with their dense numbers (see id_index.py), which
-- are given in order of first appearance.

-- name: staged_ids
SELECT {key} FROM staged GROUP BY 1 ORDER BY min(_position);

-- name: staged_exposure_ids
SELECT exposure_id, shown_at // 3600000 AS hour FROM staged;

-- name: append_categories
INSERT INTO category_index
SELECT
    $table,
    $column,
    fresh.value,
    (SELECT count(*) FROM category_index WHERE table_name = $table AND column_name = $column)
        + row_number() OVER (ORDER BY fresh.first_position) - 1
FROM (
    SELECT {stored} AS value, min(_position) AS first_position FROM staged WHERE {stored} IS NOT NULL GROUP BY 1
) AS fresh
WHERE NOT EXISTS (
    SELECT 1 FROM category_index AS known
    WHERE known.table_name = $table AND known.column_name = $column AND known.value = fresh.value
)
ORDER BY fresh.first_position;

-- name: join_category
LEFT JOIN category_index AS {alias}
    ON {alias}.table_name = {table_text} AND {alias}.column_name = {column_text} AND {alias}.value = staged.{stored}

-- name: insert_exposures
INSERT INTO exposures BY NAME
SELECT
    _partition AS partition, _row AS row, exposure_id, user_index, item_index, shown_at, clicked, dwell_seconds,
    (('0x' || substr(md5(request_id), 1, 16))::UBIGINT >> 1)::BIGINT AS request
    {codes}
FROM staged JOIN staged_user_index USING (user_id) JOIN staged_item_index USING (item_id)
{joins}
ORDER BY _position;

-- name: insert_external_clicks
INSERT INTO external_clicks BY NAME
SELECT
    _partition AS partition, _row AS row, user_index, item_index, occurred_at, received_at
    {codes}
FROM staged JOIN staged_user_index USING (user_id) JOIN staged_item_index USING (item_id)
{joins}
ORDER BY _position;

-- name: insert_users
INSERT INTO users BY NAME
SELECT
    _partition AS partition, _row AS row, start_ms AS valid_from, user_index
    {codes}
FROM staged JOIN staged_loads ON staged_loads.partition = staged._partition JOIN staged_user_index USING (user_id)
{joins}
ORDER BY _position;

-- name: insert_items
INSERT INTO items BY NAME
SELECT
    _partition AS partition, _row AS row, start_ms AS valid_from, item_index, published_at
    {codes}
FROM staged JOIN staged_loads ON staged_loads.partition = staged._partition JOIN staged_item_index USING (item_id)
{joins}
ORDER BY _position;

-- name: insert_purchases
INSERT INTO purchases BY NAME
SELECT _partition AS partition, _row AS row, user_index, purchased_at, price, cancelled
    {codes}
FROM staged JOIN staged_user_index USING (user_id)
{joins}
ORDER BY _position;

-- name: insert_points
INSERT INTO points BY NAME
SELECT _partition AS partition, _row AS row, user_index, occurred_at, amount
    {codes}
FROM staged JOIN staged_user_index USING (user_id)
{joins}
ORDER BY _position;

-- name: insert_demographics
INSERT INTO demographics BY NAME
SELECT
    _partition AS partition, _row AS row, start_ms AS valid_from, user_index
    {codes}
FROM staged JOIN staged_loads ON staged_loads.partition = staged._partition JOIN staged_user_index USING (user_id)
{joins}
ORDER BY _position;

-- name: insert_labels
INSERT INTO labels BY NAME
SELECT _partition AS partition, _row AS row, user_index, label, observed_at
    {codes}
FROM staged JOIN staged_user_index USING (user_id)
{joins}
ORDER BY _position;

-- name: insert_quarantine
INSERT INTO quarantine BY NAME
SELECT $table AS table_name, partition, row, file, rule, rules, column_name, value, remedy, row_json
FROM staged_quarantine
ORDER BY partition, row;

-- name: insert_batches
INSERT INTO batches BY NAME
SELECT $table AS table_name, *, current_localtimestamp() AS loaded_at FROM staged_loads ORDER BY start_ms, partition;

-- name: stored_rows
SELECT staged_loads.partition, kept, coalesce(stored.rows, 0) AS rows
FROM staged_loads
LEFT JOIN (
    SELECT partition, count(*) AS rows FROM {table}
    WHERE partition IN (SELECT partition FROM staged_loads) {within}
    GROUP BY 1
) AS stored USING (partition)
WHERE coalesce(stored.rows, 0) <> kept;
