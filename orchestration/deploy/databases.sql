-- Beside `dagster`, which POSTGRES_DB makes. Two, because both programs keep a table `alembic_version`.
CREATE DATABASE mlflow;
