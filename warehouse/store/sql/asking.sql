-- name: overview
SELECT name, kind, rows, columns
FROM (
    SELECT table_name AS name, 'table' AS kind, estimated_size AS rows FROM duckdb_tables() WHERE NOT internal
    UNION ALL BY NAME SELECT view_name AS name, 'view' AS kind FROM duckdb_views() WHERE NOT internal
)
JOIN (
    SELECT table_name AS name, string_agg(column_name, ', ' ORDER BY column_index) AS columns
    FROM duckdb_columns() WHERE NOT internal GROUP BY 1
) USING (name)
ORDER BY kind DESC, name;
