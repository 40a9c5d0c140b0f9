"""A managed database is found by its URL, and nothing of the URL appears in an error."""

import pytest

from tagship.backups import postgres
from tagship.errors import ConfigError

IMAGE = "postgis/postgis:15-3.3"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgis", "postgresql+psycopg"])
def test_a_url_says_where_and_as_whom(scheme: str) -> None:
    server = postgres.managed(f"{scheme}://atl%40s:p%2Fw@db.example.com:6432/at-las?sslmode=require&x=y", IMAGE, "net")

    assert server.access.environment == {
        "PGHOST": "db.example.com",
        "PGPORT": "6432",
        "PGUSER": "atl@s",
        "PGDATABASE": "at-las",
        "PGPASSWORD": "p/w",
        "PGSSLMODE": "require",
        "PGCONNECT_TIMEOUT": "10",
        "PGAPPNAME": "tagship",
    }
    assert (server.image, server.host, server.container) == (IMAGE, {"NetworkMode": "net"}, "")


def test_what_a_url_leaves_out_has_a_default_and_no_password_is_none() -> None:
    given = postgres.managed("postgres://db/atlas", IMAGE, "net").access.environment

    assert (given["PGPORT"], given["PGUSER"]) == ("5432", "postgres")
    assert "PGPASSWORD" not in given


@pytest.mark.parametrize("url", ["", "mysql://u:geheim@h/d", "postgres://u:geheim@h", "postgres://u:geheim@h:x/d", "x"])
def test_what_is_no_url_of_a_database_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ConfigError, match="can't be used") as refused:
        postgres.managed(url, IMAGE, "net")

    assert "geheim" not in str(refused.value)


def test_a_password_is_not_shown_with_the_rest() -> None:
    assert "geheim" not in repr(postgres.managed("postgres://u:geheim@h/d", IMAGE, "net"))


def test_names_and_texts_keep_their_quotes_to_themselves() -> None:
    assert postgres.quoted('a"b') == '"a""b"'
    assert postgres.literal("a'b") == "'a''b'"
