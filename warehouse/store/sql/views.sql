-- For people: names and timestamps instead of indices and milliseconds. {columns} and {joins} are the chosen columns.

-- name: exposures
CREATE OR REPLACE VIEW named_exposures AS
SELECT
    exposures.partition, exposure_id, user_id, item_id, epoch_ms(shown_at) AS shown_at_utc, clicked, dwell_seconds,
    request
    {columns}
FROM exposures JOIN user_index USING (user_index) JOIN item_index USING (item_index)
{joins};

-- name: users
CREATE OR REPLACE VIEW named_users AS
SELECT users.partition, user_id, epoch_ms(valid_from) AS valid_from_utc
    {columns}
FROM users JOIN user_index USING (user_index)
{joins};

-- name: items
CREATE OR REPLACE VIEW named_items AS
SELECT
    items.partition, item_id, epoch_ms(valid_from) AS valid_from_utc, epoch_ms(published_at) AS published_at_utc
    {columns}
FROM items JOIN item_index USING (item_index)
{joins};

-- name: demographics
CREATE OR REPLACE VIEW named_demographics AS
SELECT demographics.partition, user_id, epoch_ms(valid_from) AS valid_from_utc
    {columns}
FROM demographics JOIN user_index USING (user_index)
{joins};

-- name: join_category
LEFT JOIN category_index AS {alias}
    ON {alias}.table_name = {table_text} AND {alias}.column_name = {column_text} AND {alias}.code = {table}.{column}
