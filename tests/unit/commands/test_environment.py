"""`env`."""

import json
from dataclasses import replace
from typing import Any

import pytest

from tagship.proof import ledger
from tagship.release.model import Configuration, Record
from tagship.source import compose_file
from tests.fakes.builders import entry, rendered
from tests.unit.commands.conftest import Reach, Run

OLD, NEW = rendered("a"), rendered("b")


@pytest.fixture
def deployed(reach: Reach, monkeypatch: pytest.MonkeyPatch) -> Reach:
    """Two releases, of which the second has another value of HOSTS and another secret."""
    model: dict[str, Any] = {"services": {name: {} for name in NEW.release.shape.services}}
    model["services"]["web"]["environment"] = {"HOSTS": "${HOSTS}", "PASSWORD": "${PASSWORD}"}
    for at, release in enumerate((OLD, NEW)):
        configuration = Configuration({"HOSTS": str(at)}, {"PASSWORD": str(at)}, origins={"HOSTS": ".env.staging"})
        sources = replace(release.release.sources, model=model)
        record = Record(replace(release.release, sources=sources), configuration)
        reach.records[release.name] = ledger.encode_record(record)
    reach.add(entry(OLD))
    reach.add(entry(NEW, OLD.name))
    reach.live = NEW.name

    def interpolated(wanted: object, given: dict[str, str]) -> dict[str, object]:
        del wanted
        services: dict[str, Any] = {name: {} for name in NEW.release.shape.services}
        return {"services": {**services, "web": {"environment": given}}}

    monkeypatch.setattr(compose_file, "interpolate", interpolated)
    return reach


@pytest.mark.usefixtures("deployed")
def test_env_shows_names_by_origin_and_what_changed(run: Run) -> None:
    said = run("env", "--env", "staging").out

    assert said.splitlines()[0] == f"{NEW.name}, compared to {OLD.name}"
    assert ".env.staging:\nname   change   used by  value\n" in said
    assert "HOSTS  changed  web      1 (was 0)\n" in said
    assert "PASSWORD  changed  web      hidden\n" in said


@pytest.mark.usefixtures("deployed")
def test_env_does_not_let_a_value_control_the_terminal(run: Run, reach: Reach) -> None:
    record = ledger.decode_record(reach.records[NEW.name])
    assert record
    assert record.configuration
    hostile = replace(record.configuration, variables={"HOSTS": "1\x1b]0;title\x07"})
    reach.records[NEW.name] = ledger.encode_record(replace(record, configuration=hostile))

    assert "HOSTS  changed  web      1 (was 0)\n" in run("env", "--env", "staging").out
    assert "title" in run("env", "--env", "staging", "--json").out


@pytest.mark.usefixtures("deployed")
def test_env_hides_the_former_value_of_what_has_become_a_secret(run: Run, reach: Reach) -> None:
    record = ledger.decode_record(reach.records[OLD.name])
    assert record
    assert record.configuration
    plain = replace(record.configuration, variables={"HOSTS": "0", "PASSWORD": "pl4in"}, secrets={})
    reach.records[OLD.name] = ledger.encode_record(replace(record, configuration=plain))
    reach.records[NEW.name] = reach.records[NEW.name].replace(b"PASSWORD", b"DATABASE_URL")
    reach.records[OLD.name] = reach.records[OLD.name].replace(b"PASSWORD", b"DATABASE_URL")

    ran = run("env", "--env", "staging", "--json")

    assert "DATABASE_URL" in ran.out
    assert "pl4in" not in ran.out


@pytest.mark.usefixtures("deployed")
def test_env_compares_a_past_release_with_the_one_before_it(run: Run) -> None:
    found = json.loads(run("env", "--env", "staging", "--sha", "aaaa", "--json").out)

    assert (found["release"], found["before"]) == (OLD.name, "")
    assert [each["change"] for each in found["variables"]] == ["", ""]


def test_env_says_that_nothing_was_deployed(run: Run, reach: Reach) -> None:
    assert reach.live == ""

    assert run("env", "--env", "staging").err.startswith("Nothing was deployed to staging yet.")
