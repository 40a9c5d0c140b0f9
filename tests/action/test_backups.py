"""The starter backup.yml under act: the nightly run backs a real database up into a real S3 server, and prunes."""

import secrets

import pyrage
import pytest

from tagship.backups import catalogue
from tagship.backups.stores import open_store
from tagship.names import Place
from tests.action.act import Act
from tests.action.conftest import Acted, starter
from tests.action.github import GitHub


@pytest.fixture
def backed_up(app: Acted, monkeypatch: pytest.MonkeyPatch) -> Acted:
    """The application with a database on staging, whose backups go to a bucket with Object Lock."""
    s3 = app.rig.s3
    app.compose["services"]["db"] = {
        "image": app.rig.image("postgis"),
        "environment": {"POSTGRES_USER": "shop", "POSTGRES_PASSWORD": secrets.token_hex(8)},
        "healthcheck": {"test": ["CMD", "pg_isready", "-q", "-h", "127.0.0.1", "-U", "shop"], "interval": "1s"},
    }
    app.settings["release"] = {"services": ["web"], "accessories": ["db"]}
    app.settings["environments"]["staging"]["backups"] = {
        "store": s3.bucket("nightly", locked=True),
        "recipients": [str(pyrage.x25519.Identity.generate().to_public())],
    }
    app.commit()
    app.tagship("accessories.up", "--env", "staging")
    for name, value in s3.variables("keeper").items():
        monkeypatch.setenv(name, value)
    return app


def test_the_nightly_workflow_backs_up_and_prunes(backed_up: Acted, act: Act, github: GitHub) -> None:
    secret = backed_up.rig.s3.variables("keeper")

    run = act.run(backed_up.folder, starter(backed_up, "backup"), github, event="schedule", secrets=secret)

    assert run.results == {"staging": "success"}, run.log
    store = open_store(backed_up.settings["environments"]["staging"]["backups"]["store"])
    (backup,) = catalogue.listed(store, Place(backed_up.name, "staging"))
    assert backup.whole
    assert f"Backup {backup.id}" in run.log
    assert "Removed nothing; 1 backup stays." in run.log
    assert secret["AWS_SECRET_ACCESS_KEY"] not in run.log
