-- Everything that a warehouse file holds. Instants are UTC epoch milliseconds; partitions are keys of service time.
-- Columns chosen by a source are added to exposures, users, items and demographics when a source is configured, in a
-- name space of their own (columns.py): `field_<name>` holds codes of category_index, `number_<name>` DOUBLE values,
-- `vector_<name>` FLOAT[].

CREATE TABLE IF NOT EXISTS meta (key VARCHAR PRIMARY KEY, value VARCHAR NOT NULL);

-- Append-only. A dense index never changes its meaning, because rows of trained embedding tables hang on it.
CREATE TABLE IF NOT EXISTS user_index (user_id VARCHAR PRIMARY KEY, user_index INTEGER NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS item_index (item_id VARCHAR PRIMARY KEY, item_index INTEGER NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS category_index (
    table_name VARCHAR NOT NULL,
    column_name VARCHAR NOT NULL,
    value VARCHAR NOT NULL,
    code INTEGER NOT NULL,
    PRIMARY KEY (table_name, column_name, value)
);

-- The chosen columns of each table, in the order in which models see them.
CREATE TABLE IF NOT EXISTS fields (
    table_name VARCHAR NOT NULL,
    column_name VARCHAR NOT NULL,
    position INTEGER NOT NULL
);

-- The chosen columns that hold numbers.
CREATE TABLE IF NOT EXISTS number_fields (
    table_name VARCHAR NOT NULL,
    column_name VARCHAR NOT NULL,
    position INTEGER NOT NULL
);

-- The columns of content vectors, also of those that are no longer chosen, and how long their lists are (null: none has
-- been loaded yet). `chosen`: the one that models see.
CREATE TABLE IF NOT EXISTS vector_fields (
    table_name VARCHAR NOT NULL,
    column_name VARCHAR NOT NULL,
    width INTEGER,
    chosen BOOLEAN NOT NULL,
    PRIMARY KEY (table_name, column_name)
);

-- Event tables carry no index: they are read by time range, where zone maps already skip. One on exposure_id, tried
-- with 600,000 rows, doubled the file and made loading an hour again four times slower; with 10 million, a thousand
-- scattered ids were found in it in twice the time of a scan. Ids are looked up beside this file (id_index.py).
CREATE TABLE IF NOT EXISTS exposures (
    partition VARCHAR NOT NULL,
    row INTEGER NOT NULL,
    exposure_id VARCHAR NOT NULL,
    user_index INTEGER NOT NULL,
    item_index INTEGER NOT NULL,
    shown_at BIGINT NOT NULL,
    clicked BOOLEAN NOT NULL,
    dwell_seconds FLOAT,
    request BIGINT -- of the list shown together: the first 63 bits of its id's MD5; null where unknown
);

CREATE TABLE IF NOT EXISTS external_clicks (
    partition VARCHAR NOT NULL,
    row INTEGER NOT NULL,
    user_index INTEGER NOT NULL,
    item_index INTEGER NOT NULL,
    domain INTEGER NOT NULL,
    occurred_at BIGINT NOT NULL,
    received_at BIGINT NOT NULL
);

-- valid_from is the start of the date and hour that the file's path names, 0 for a path without: a description is
-- used for events from then on, and the latest one wins.
CREATE TABLE IF NOT EXISTS users (
    partition VARCHAR NOT NULL,
    row INTEGER NOT NULL,
    valid_from BIGINT NOT NULL,
    user_index INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS items (
    partition VARCHAR NOT NULL,
    row INTEGER NOT NULL,
    valid_from BIGINT NOT NULL,
    item_index INTEGER NOT NULL,
    published_at BIGINT
);

-- Prices as they came, in the source's own currency; genre and brand are codes of category_index.
CREATE TABLE IF NOT EXISTS purchases (
    partition VARCHAR NOT NULL,
    row INTEGER NOT NULL,
    user_index INTEGER NOT NULL,
    purchased_at BIGINT NOT NULL,
    price DOUBLE NOT NULL,
    genre INTEGER NOT NULL,
    brand INTEGER,
    cancelled BOOLEAN NOT NULL
);

-- Whether amount is what was owned after the event or what the event moved is said by the source (`points`).
CREATE TABLE IF NOT EXISTS points (
    partition VARCHAR NOT NULL,
    row INTEGER NOT NULL,
    user_index INTEGER NOT NULL,
    occurred_at BIGINT NOT NULL,
    kind INTEGER NOT NULL,
    amount DOUBLE NOT NULL
);

-- valid_from as for users.
CREATE TABLE IF NOT EXISTS demographics (
    partition VARCHAR NOT NULL,
    row INTEGER NOT NULL,
    valid_from BIGINT NOT NULL,
    user_index INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS labels (
    partition VARCHAR NOT NULL,
    row INTEGER NOT NULL,
    user_index INTEGER NOT NULL,
    task INTEGER NOT NULL,
    label BOOLEAN NOT NULL,
    observed_at BIGINT NOT NULL
);

CREATE TABLE IF NOT EXISTS batches (
    table_name VARCHAR NOT NULL,
    partition VARCHAR NOT NULL,
    start_ms BIGINT NOT NULL,
    files JSON NOT NULL,
    columns JSON NOT NULL,
    files_hash VARCHAR NOT NULL, -- of what landed
    data_hash VARCHAR NOT NULL, -- of what is stored: contents, chosen columns, rows set aside, replays
    rows_in BIGINT NOT NULL,
    kept BIGINT NOT NULL,
    quarantined BIGINT NOT NULL,
    forced BOOLEAN NOT NULL,
    statistics JSON NOT NULL,
    loaded_at TIMESTAMP NOT NULL,
    PRIMARY KEY (table_name, partition),
    CHECK (rows_in = kept + quarantined)
);

CREATE SEQUENCE IF NOT EXISTS quarantine_id;
CREATE TABLE IF NOT EXISTS quarantine (
    id BIGINT NOT NULL DEFAULT nextval('quarantine_id'),
    table_name VARCHAR NOT NULL,
    partition VARCHAR NOT NULL,
    row INTEGER NOT NULL,
    file VARCHAR,
    rule VARCHAR NOT NULL,
    rules VARCHAR NOT NULL,
    column_name VARCHAR,
    value VARCHAR,
    remedy VARCHAR,
    row_json VARCHAR NOT NULL
);

CREATE TABLE IF NOT EXISTS predictions (
    exposure_id VARCHAR NOT NULL,
    system VARCHAR NOT NULL,
    model_version VARCHAR NOT NULL,
    partition VARCHAR NOT NULL,
    score DOUBLE NOT NULL,
    key_number BIGINT -- of the partition, by which ranges are passed over (results.py)
);

CREATE TABLE IF NOT EXISTS metrics (
    name VARCHAR NOT NULL,
    system VARCHAR NOT NULL,
    partition VARCHAR NOT NULL,
    value DOUBLE,
    extra JSON NOT NULL,
    key_number BIGINT -- as in predictions
);

-- For people: names and timestamps instead of indices and milliseconds. Those with chosen columns are in views.sql.
CREATE VIEW IF NOT EXISTS named_external_clicks AS
SELECT
    partition, user_id, item_id, category_index.value AS domain,
    epoch_ms(occurred_at) AS occurred_at_utc, epoch_ms(received_at) AS received_at_utc
FROM external_clicks
JOIN user_index USING (user_index)
JOIN item_index USING (item_index)
JOIN category_index
    ON category_index.table_name = 'external_clicks'
    AND category_index.column_name = 'domain'
    AND category_index.code = external_clicks.domain;

CREATE VIEW IF NOT EXISTS named_purchases AS
SELECT
    partition, user_id, epoch_ms(purchased_at) AS purchased_at_utc, price,
    genres.value AS genre, brands.value AS brand, cancelled
FROM purchases
JOIN user_index USING (user_index)
JOIN category_index AS genres
    ON genres.table_name = 'purchases' AND genres.column_name = 'genre' AND genres.code = purchases.genre
LEFT JOIN category_index AS brands
    ON brands.table_name = 'purchases' AND brands.column_name = 'brand' AND brands.code = purchases.brand;
