-- name: overview
SELECT name, kind, rows, columns
FROM (
    SELECT table_name AS name, 'table' AS kind, estimated_size AS rows FROM duckdb_tables()
    WHERE NOT internal AND database_name = current_database()
    UNION ALL BY NAME SELECT view_name AS name, 'view' AS kind FROM duckdb_views()
    WHERE NOT internal AND database_name = current_database()
)
JOIN (
    SELECT table_name AS name, string_agg(column_name, ', ' ORDER BY column_index) AS columns
    FROM duckdb_columns() WHERE NOT internal AND database_name = current_database() GROUP BY 1
) USING (name)
ORDER BY kind DESC, name;
