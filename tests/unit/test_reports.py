"""Every `--json` has a described shape."""

import json
from dataclasses import asdict
from datetime import UTC, datetime

import jsonschema
import pytest

from tagship import namespace
from tagship.backups import drill, point_in_time
from tagship.backups.archive import Archive
from tagship.backups.pgbackrest import Base
from tagship.backups.store import Protection
from tagship.commands.reports import LINES, REPORTS
from tagship.deploy.observed import Migrated
from tagship.deploy.rollback_plan import RollbackPlan, Way
from tagship.migrations.inspection import Change
from tests import reports


def test_each_task_with_json_has_a_schema() -> None:
    with_json = {each.name for each in namespace.to_contexts() if "json" in each.args}

    assert with_json == REPORTS.keys()
    assert {path.name for path in reports.FOLDER.iterdir()} == {f"{task}.schema.json" for task in with_json}
    assert LINES == reports.LINES


@pytest.mark.parametrize("task", REPORTS)
def test_a_schema_is_a_valid_one(task: str) -> None:
    schema = json.loads((reports.FOLDER / f"{task}.schema.json").read_text())

    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["title"].endswith(f"tagship {task} --json")


@pytest.mark.parametrize(
    "printed",
    [
        pytest.param({"id": "20261127T101530Z-a1b2c3"}, id="lacks-a-key"),
        pytest.param({"id": "20261127T101530Z-a1b2c3", "pinned": "yes"}, id="has-another-type"),
        pytest.param({"id": "20261127T101530Z-a1b2c3", "pinned": True, "more": 1}, id="has-another-key"),
    ],
)
def test_the_tests_hold_a_report_to_its_schema(printed: dict[str, object]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        reports.check(["backup.pin", "--json"], json.dumps(printed))


AT = datetime(2026, 11, 27, tzinfo=UTC)
WAY_BACK = RollbackPlan(Way.REVERSE, "shop-staging-aaaaaaaa-111111")
MIGRATED = Migrated(("shop.0002",), ("shop.0002",), WAY_BACK, (Change("shop.0002"),))
BASE = Base("20261127-000000F", AT, AT, "000000010000000000000001", 2**20, 2**18)
ARCHIVE = Archive(
    AT, archiving=True, timeout=60, last=AT, failing=None, waiting=0, oldest=None, wal=2**24, bound="", free=2**30,
    bases=(BASE,), gaps=(("0001", "0002"),),
)  # fmt: skip
TRIED = drill.Receipt(
    "20261127T101530Z-a1b2c3", "", "", 1, 2, 3, 4, "", "", (drill.Check("rows", passed=True, seconds=0.1, detail=""),)
)
RECOVERED = point_in_time.Receipt("", "", 1, 2, 3, 4, 5, 6, "", kept=True, lost=True)


@pytest.mark.parametrize(
    ("task", "printed"),
    [
        ("migrate", {**asdict(MIGRATED), "way_back": WAY_BACK.encoded()}),
        ("backup.check", {"store": "s3://shop", "reads": True, **asdict(Protection(hides=True, erases=False))}),
        ("backup.drill", TRIED.told),
        ("pitr.status", {**ARCHIVE.told, "findings": []}),
        ("pitr.drill", RECOVERED.told),
    ],
)
def test_what_needs_a_database_is_as_its_schema_says(task: str, printed: dict[str, object]) -> None:
    reports.check([task, "--json"], json.dumps(printed))
