"""The rows that an application has, which no fault may change, and what restores keep beside them."""

from collections.abc import Iterator

from tests.faults.invariants import Wanted

ROWS = 1000


def container(wanted: Wanted) -> str:
    """The name of the database's container."""
    return f"{wanted.place}-accessories-db-1"


def fill(wanted: Wanted) -> None:
    """Give the database its rows."""
    _query(wanted, f"CREATE TABLE kept AS SELECT generate_series(1, {ROWS}) AS number")


def forget(wanted: Wanted) -> None:
    """Drop the databases and remove the volumes that restores have kept."""
    for name in _query(wanted, "SELECT datname FROM pg_database WHERE datname LIKE '%_until_%'").split():
        _query(wanted, f'DROP DATABASE "{name}"')
    for name in wanted.host.docker("volume", "ls", "--quiet", "--filter", "name=_until_").split():
        wanted.host.docker("volume", "rm", name)


def violations(wanted: Wanted) -> Iterator[str]:
    """What isn't as it should be with the data."""
    if (found := _query(wanted, "SELECT count(*), sum(number) FROM kept")) != f"{ROWS}|{ROWS * (ROWS + 1) // 2}":
        yield f"the table has {found}, not {ROWS} rows"


def _query(wanted: Wanted, query: str) -> str:
    psql = ("psql", "-U", "postgres", "-h", "127.0.0.1", "-Atc", query, "postgres")
    return wanted.host.docker("exec", container(wanted), *psql).strip()
