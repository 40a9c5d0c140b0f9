"""What visitors get while a site is down on purpose, and what is refused."""

from pathlib import Path

import pytest

from tagship.errors import ConfigError
from tagship.project.maintenance_settings import MaintenanceSettings
from tagship.server import maintenance
from tests.unit.commands.conftest import Reach, Run


def test_the_page_is_the_apps_own_or_a_plain_one(tmp_path: Path) -> None:
    (tmp_path / "down.html").write_bytes(b"<h1>Soon</h1>")

    assert maintenance.page(MaintenanceSettings(page="down.html"), tmp_path) == b"<h1>Soon</h1>"
    assert b"Down for maintenance" in maintenance.page(MaintenanceSettings(), tmp_path)


def test_a_page_that_is_not_there_or_too_large_is_refused(tmp_path: Path) -> None:
    (tmp_path / "big.html").write_bytes(bytes(maintenance.LARGEST + 1))

    with pytest.raises(ConfigError, match=r"gone\.html can't be read"):
        maintenance.page(MaintenanceSettings(page="gone.html"), tmp_path)
    with pytest.raises(ConfigError, match="1,000,001 bytes"):
        maintenance.page(MaintenanceSettings(page="big.html"), tmp_path)


@pytest.mark.usefixtures("reach")
def test_where_nothing_is_served_nobody_needs_maintenance(run: Run) -> None:
    done = run("maintenance.on", "--env", "staging", "--dry-run")

    assert (done.code, done.err.splitlines()[0]) == (
        9, "The edge doesn't serve shop-staging, so nobody reaches it anyway.",
    )  # fmt: skip


def test_a_dry_run_says_what_visitors_would_get(reach: Reach, run: Run) -> None:
    route = {"@id": "shop-staging", "match": [{"host": ["staging.example.com"]}], "handle": []}
    reach.http = {"servers": {"http": {"routes": [route]}}}

    done = run("maintenance.on", "--env", "staging", "--dry-run")

    assert done.out.startswith("http://staging.example.com would answer 503 to visitors. Still reach the app: /health")
    assert run("maintenance.off", "--env", "staging", "--dry-run").out == "Maintenance of staging is off.\n"
