"""What is wrong with an environment's variables and secrets, before anything changes."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tagship.errors import ConfigError
from tagship.project.schema import Environment
from tagship.release.references import Need, Needs
from tagship.secret import Secret
from tagship.variables import check, values
from tagship.variables.check import What
from tagship.variables.secrets import Given
from tagship.variables.store import Found
from tagship.variables.values import Values

NOW = datetime(2026, 11, 27, tzinfo=UTC)
STORE = "vault://kv/shop"


def environment(**settings: object) -> Environment:
    """Staging, on a server."""
    known = {"name": "staging", "app": "shop", "engine": "ssh://deploy@host", "url": "https://shop.example.com"}
    return Environment.model_validate(known | {key.replace("_", "-"): value for key, value in settings.items()})


def given(value: str, *overridden: str, days: int = 0) -> Given:
    """A secret in the store."""
    changed = NOW - timedelta(days=days) if days else None
    return Given(Found(Secret(value), changed=changed), STORE, overridden)


def found(
    needed: Needs,
    plain: dict[str, str] | None = None,
    stored: dict[str, Given] | None = None,
    examples: dict[str, tuple[str, str]] | None = None,
    **settings: object,
) -> list[tuple[What, tuple[str, ...], bool]]:
    """What is wrong: the kind, the names, and whether a deploy is refused."""
    problems = check.problems(Values(needed, plain or {}, stored or {}, examples or {}), environment(**settings), NOW)
    for problem in problems:
        assert not any(secret.value.reveal() in problem.text for secret in (stored or {}).values())
    return [(problem.what, problem.names, problem.refuses) for problem in problems]


def test_everything_that_is_missing_or_empty_is_one_refusal() -> None:
    needed = {"A": Need.SET, "B": Need.FILLED, "C": Need.FILLED, "D": Need.OPTIONAL, "E": Need.DEFAULTED}
    settings = environment(variables=".env", secrets=STORE)
    problems = check.problems(Values(needed, {"C": ""}, {}), settings, NOW)

    with pytest.raises(ConfigError) as refused:
        check.refuse(problems, settings)

    assert refused.value.problem.splitlines() == [
        "staging has no value for A, B, which the Compose file needs.",
        "C is empty in staging, but the Compose file says `:?`.",
    ]
    assert refused.value.hint.startswith(f"add it to .env, or to the secrets ({STORE})")


def test_a_secret_that_everyone_can_read_in_an_example_is_refused_and_a_port_is_not() -> None:
    needed = {"DB_PASSWORD": Need.SET, "DB_PORT": Need.SET, "NAME": Need.SET}
    stored = {"DB_PASSWORD": given("postgres"), "DB_PORT": given("5432"), "NAME": given("<your name>")}
    examples = {name: (secret.value.reveal(), ".env.example") for name, secret in stored.items()}

    refused = [(What.EXAMPLE, (name,), True) for name in ("DB_PASSWORD", "NAME")]
    assert found(needed, stored=stored, examples=examples) == refused
    assert found(needed, stored=stored, examples=examples, engine="local") == [
        (What.EXAMPLE, (name,), False) for name in ("DB_PASSWORD", "NAME")
    ]


@pytest.mark.parametrize("value", ["changeme", "CHANGE-ME", "replace_this", "your-key-here", "xxxx", "TODO", "…"])
def test_what_looks_like_a_placeholder_is_one_whatever_its_name(value: str) -> None:
    examples = {"MAIL": (value, ".env.staging.example")}

    assert found({"MAIL": Need.SET}, {"MAIL": value}, examples=examples) == [(What.EXAMPLE, ("MAIL",), True)]


def test_a_value_in_a_file_and_another_in_a_store_is_refused_because_nobody_knows_which_is_meant() -> None:
    needed = {"A": Need.SET, "B": Need.SET}

    assert found(needed, {"A": "1", "B": "2222"}, {"A": given("9999"), "B": given("2222")}) == [
        (What.DOUBLED, ("A",), True)
    ]


def test_a_store_that_overrides_another_is_a_note_because_the_order_says_which_counts() -> None:
    assert found({"A": Need.SET}, stored={"A": given("9999", "env://")}) == [(What.OVERRIDDEN, ("A",), False)]


def test_the_shells_own_variables_are_named_instead_of_being_called_missing() -> None:
    needed = {"HOME": Need.SET, "TZ": Need.OPTIONAL, "USER": Need.DEFAULTED}

    assert found(needed, secrets="env://") == [(What.SHELL, ("HOME",), True), (What.SHELL, ("TZ",), False)]
    assert found(needed, secrets="env://SHOP_") == [(What.MISSING, ("HOME",), True)]


def test_an_example_lists_what_the_compose_file_passes_on_although_it_does_without() -> None:
    examples = dict.fromkeys(("MAIL", "UNKNOWN", "SET"), ("", ".env.example"))

    assert found({"MAIL": Need.OPTIONAL, "SET": Need.DEFAULTED}, {"SET": ""}, examples=examples) == [
        (What.LISTED, ("MAIL",), False)
    ]


def test_a_secret_older_than_rotate_after_is_a_note() -> None:
    needed = {"OLD": Need.SET, "NEW": Need.SET, "AGELESS": Need.SET}
    stored = {"OLD": given("value", days=91), "NEW": given("value", days=89), "AGELESS": given("value")}

    assert found(needed, stored=stored, rotate_after="90d") == [(What.OLD, ("OLD",), False)]
    assert found(needed, stored=stored) == []


def test_the_shells_environment_is_not_asked_for_what_a_file_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOG_LEVEL", "of the deployer's shell")
    monkeypatch.setenv("SHOP_LOG_LEVEL", "of the app")
    needed, plain = {"LOG_LEVEL": Need.SET}, {"LOG_LEVEL": "INFO"}

    def read(*stores: str) -> dict[str, Given]:
        return dict(values.read(environment(secrets=stores), needed, tmp_path, plain, {}).stored)

    assert read("env://") == {}
    assert read("env://", "env://SHOP_")["LOG_LEVEL"].origin == "env://SHOP_"


def test_the_examples_are_those_beside_the_variables_and_odd_lines_in_them_are_ignored(tmp_path: Path) -> None:
    (tmp_path / ".env.example").write_text("A=1\nB='unclosed\nC=${A}\n# D=4\n")
    (tmp_path / ".env.staging.example").write_text("A=2\n")

    read = values.read(environment(variables=".env.staging"), {}, tmp_path, {}, {})

    assert read.examples == {"A": ("2", ".env.staging.example")}
