#!/bin/bash
# Run once by PostgreSQL's image, when its volume is empty: two databases, each with an owner that sees nothing else.
set -euo pipefail
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
    --set dagster_password="$DAGSTER_POSTGRES_PASSWORD" --set warehouse_password="$WAREHOUSE_PASSWORD" <<'SQL'
CREATE ROLE dagster LOGIN PASSWORD :'dagster_password';
CREATE ROLE warehouse LOGIN PASSWORD :'warehouse_password';
CREATE DATABASE dagster OWNER dagster;
CREATE DATABASE warehouse OWNER warehouse;
REVOKE CONNECT ON DATABASE dagster, warehouse FROM PUBLIC;
SQL
