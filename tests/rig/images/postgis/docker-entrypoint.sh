#!/bin/bash
# Starts PostgreSQL as the public image's entrypoint does: the same variables and the same init folder.
set -Eeuo pipefail

# NAME or, as a secret's file, NAME_FILE; otherwise the default.
variable() {
    local file="${1}_FILE"
    if [ -n "${!file:-}" ]; then
        export "$1"="$(<"${!file}")"
    else
        export "$1"="${!1:-${2:-}}"
    fi
    unset "$file"
}

process_init_files() {
    local file
    for file in /docker-entrypoint-initdb.d/*; do
        case $file in
        *.sh) if [ -x "$file" ]; then "$file"; else . "$file"; fi ;;
        *.sql) run_sql --file "$file" ;;
        *.sql.gz) gunzip --stdout "$file" | run_sql ;;
        *.sql.xz) xz --decompress --stdout "$file" | run_sql ;;
        esac
    done
}

run_sql() {
    psql --set ON_ERROR_STOP=1 --no-psqlrc --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" "$@"
}

init_database() {
    if [ -z "$POSTGRES_PASSWORD" ] && [ "${POSTGRES_HOST_AUTH_METHOD:-}" != trust ]; then
        echo "Error: Database is uninitialized and superuser password is not specified: set POSTGRES_PASSWORD." >&2
        exit 1
    fi
    # shellcheck disable=SC2086 # several words are meant
    initdb --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") ${POSTGRES_INITDB_ARGS:-}
    echo "host all all all ${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}" >> "$PGDATA/pg_hba.conf"
    # Only the socket, so that nobody is let in over the network before the init files ran.
    pg_ctl --pgdata "$PGDATA" --options "-c listen_addresses=''" --wait start
    if [ "$POSTGRES_DB" != postgres ]; then
        POSTGRES_DB=postgres run_sql --set db="$POSTGRES_DB" <<< 'CREATE DATABASE :"db";'
    fi
    PGPASSWORD=$POSTGRES_PASSWORD process_init_files
    pg_ctl --pgdata "$PGDATA" --mode fast --wait stop
    echo "PostgreSQL init process complete; ready for start up."
}

[ "${1:0:1}" != - ] || set -- postgres "$@"
if [ "$1" = postgres ]; then
    if [ "$(id -u)" = 0 ]; then
        mkdir -p "$PGDATA" && chmod 700 "$PGDATA"
        chown -R postgres "$PGDATA" /var/run/postgresql
        exec setpriv --reuid postgres --regid postgres --init-groups "${BASH_SOURCE[0]}" "$@"
    fi
    variable POSTGRES_PASSWORD
    variable POSTGRES_USER postgres
    variable POSTGRES_DB "$POSTGRES_USER"
    [ -s "$PGDATA/PG_VERSION" ] || init_database
fi
exec "$@"
