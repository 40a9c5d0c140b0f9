"""Reads a migration's SQL and prints what squawk and django-migration-linter find in it, with what to do instead."""

import json
import subprocess
import sys
from collections.abc import Iterator

from django_migration_linter.sql_analyser import PostgresqlAnalyser, analyse_sql_statements

_DOCS = "https://github.com/3YOURMIND/django-migration-linter/blob/main/docs/incompatibilities.md"


def squawk(sql: str) -> Iterator[str]:
    done = subprocess.run(["squawk", "--reporter", "json"], input=sql, capture_output=True, text=True, check=False)
    if not done.stdout:
        sys.exit(done.stderr)
    for found in json.loads(done.stdout):
        instead = found["help"] or f"see https://squawkhq.com/docs/{found['rule_name']}"
        yield f"line {found['line'] + 1}: {found['message']} Instead: {instead} (squawk {found['rule_name']})"


def migration_linter(sql: str) -> Iterator[str]:
    lines = [line for line in sql.splitlines() if line and not line.startswith("--")]
    errors, _, warnings = analyse_sql_statements(PostgresqlAnalyser, lines)
    for found in (*errors, *warnings):
        where = ".".join(part for part in (found.table, found.column) if part)
        yield f"{found.message}{f': {where}' if where else ''}. Instead: see {_DOCS} (django-migration-linter {found.code})"


if __name__ == "__main__":
    statements = sys.stdin.read()
    findings = [*squawk(statements), *migration_linter(statements)]
    print("\n".join(findings))
    sys.exit(bool(findings))
