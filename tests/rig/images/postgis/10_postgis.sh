#!/bin/bash
# The extension in the application's database, as the public image makes it.
set -e
psql --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --set ON_ERROR_STOP=1 \
    --command "CREATE EXTENSION IF NOT EXISTS postgis" \
    --command "CREATE EXTENSION IF NOT EXISTS postgis_topology"
