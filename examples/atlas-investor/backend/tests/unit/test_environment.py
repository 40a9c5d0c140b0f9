"""Reading the environment."""

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from atlas.environment import Environment


def test_names_everything_that_is_missing_or_wrong_at_once() -> None:
    env = Environment(
        {"PORT": "many", "RATE": "2", "DEBUG": "perhaps", "REDIS_URL": "localhost:6379"}
    )
    env.text("SECRET_KEY")
    env.words("ALLOWED_HOSTS")
    env.number("PORT", 1)
    env.share("RATE", 0.1)
    env.flag("DEBUG")
    env.url("REDIS_URL", "redis")
    env.url("DATABASE_URL", "postgis")

    with pytest.raises(ImproperlyConfigured) as raised:
        env.check()

    assert str(raised.value).split("; ") == [
        "missing environment variables: SECRET_KEY, ALLOWED_HOSTS, DATABASE_URL",
        "PORT must be a whole number",
        "RATE must be a number from 0 to 1",
        "DEBUG must be a switch such as 1 or 0",
        "REDIS_URL must be a URL like redis://host/…",
    ]


def test_a_malformed_url_is_never_quoted() -> None:
    env = Environment({"DATABASE_URL": "mysql://atlas:hunter2@db/atlas"})
    env.url("DATABASE_URL", "postgis")

    with pytest.raises(ImproperlyConfigured) as raised:
        env.check()

    assert "hunter2" not in str(raised.value)


def test_an_empty_variable_is_as_good_as_none() -> None:
    env = Environment({"SECRET_KEY": "", "LOG_LEVEL": ""})

    assert env.text("LOG_LEVEL", "INFO") == "INFO"
    env.text("SECRET_KEY")
    with pytest.raises(ImproperlyConfigured, match="SECRET_KEY"):
        env.check()


def test_reads_words_switches_and_numbers() -> None:
    env = Environment(
        {"HOSTS": "a.example.com, ,b.example.com", "ON": "Yes", "PORT": " 25 ", "RATE": "0.5"}
    )

    assert env.words("HOSTS") == ["a.example.com", "b.example.com"]
    assert env.flag("ON")
    assert not env.flag("OFF")
    assert env.number("PORT", 587) == 25
    assert env.number("OTHER_PORT", 587) == 587
    assert env.share("RATE", 0.1) == 0.5
    assert env.share("OTHER_RATE", 0.1) == 0.1
    env.check()


def test_a_secret_may_be_in_a_file_that_its_variable_names(tmp_path: Path) -> None:
    file = tmp_path / "secret_key"
    file.write_text("s3cr3t")
    env = Environment({"SECRET_KEY_FILE": str(file), "OTHER_FILE": str(tmp_path / "none")})

    assert env.text("SECRET_KEY") == "s3cr3t"
    env.text("OTHER", "x")
    with pytest.raises(ImproperlyConfigured, match="OTHER_FILE must name a readable file"):
        env.check()
