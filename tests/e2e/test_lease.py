"""Migrations with credentials that a real Vault makes in a real PostgreSQL, and takes away afterwards."""

import json
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.rig import Rig, RigError
from tests.shop import Shop

HOST = "host1"
ROLES = "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'v-%'"
SLEEPING = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(30)%'"
MAKE = (
    "CREATE ROLE \"{{name}}\" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}' IN ROLE shop",
    'ALTER ROLE "{{name}}" SET role = shop',
)
SECONDS = 4
"""The life of a lease that nobody renews."""


class Managed(Shop):
    """The application, with a database that is not Tagship's: one on the same server that publishes its port."""

    PORT = 15432

    def __init__(self, rig: Rig, folder: Path, name: str) -> None:
        super().__init__(rig, folder, name)
        address = rig.hosts[0].address
        text = (folder / "manage.py").read_text()
        own = f'"HOST": "{address}", "PORT": {self.PORT}, "USER": os.environ.get("DB_USER", "shop")'
        self.write({"manage.py": text.replace('"HOST": "db"', own).replace('"USER": "shop", ', "")})
        del self.compose["services"]["db"], self.compose["volumes"], self.settings["release"]["accessories"]
        self.settings["release"]["migrations"]["credentials"] = {
            "lease": "vault://database/creds/shop",
            "variables": {"DB_USER": "{username}", "POSTGRES_PASSWORD": "{password}"},
        }
        self.password = self.environment["POSTGRES_PASSWORD"]
        variables = ("-e", "POSTGRES_USER=shop", "-e", "POSTGRES_DB=shop", "-e", f"POSTGRES_PASSWORD={self.password}")
        publish = ("-p", f"{address}:{self.PORT}:5432")
        rig.hosts[0].docker("run", "-d", "--name", self.database(HOST), *publish, *variables, rig.image("postgis"))
        until(self.ready)
        self.at = f"{address}:{self.PORT}/shop"

    def database(self, environment: str) -> str:
        """The name of the database's container."""
        return f"{self.name}-{environment}-database"

    def ready(self) -> bool:
        """Whether the database answers."""
        argv = ("exec", self.database(HOST), "pg_isready", "-U", "shop", "-h", "127.0.0.1")
        try:
            return "accepting" in self.rig.hosts[0].docker(*argv)
        except RigError:
            return False

    def remove(self) -> None:
        """Remove the database, too."""
        super().remove()
        self.rig.hosts[0].docker("rm", "-f", "-v", self.database(HOST))


@pytest.fixture(scope="module")
def shop(rig: Rig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Managed]:
    """The application, live, whose migrations get credentials from Vault."""
    app = Managed(rig, tmp_path_factory.mktemp("lease") / "app", "lease")
    vault = rig.vault
    vault.database("shop", app.at, ("shop", app.password), MAKE, seconds=SECONDS)
    vault.policy("migrator", {"database/creds/shop": ["read"], "sys/leases/*": ["update"]})
    app.environment |= vault.variables() | vault.approle("migrator", "migrator")
    app.commit()
    app.ship(HOST)
    yield app
    app.remove()


def change(shop: Managed, number: int, sql: str) -> str:
    """Commit a migration of SQL."""
    before = max(path.stem for path in (shop.folder / "shop/migrations").glob("0*.py"))
    name = f"{number:04}_change"
    shop.migration(name, before, f"migrations.RunSQL({sql!r})", atomic=False)
    shop.commit()
    return name


def until(holds: Callable[[], bool]) -> None:
    """Wait."""
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_a_migration_runs_as_a_role_of_its_own_which_is_gone_afterwards(shop: Managed) -> None:
    change(shop, 2, f"SELECT pg_sleep({SECONDS + 2}); CREATE TABLE who AS SELECT session_user::text AS who, ({ROLES})")

    deployed = json.loads(shop.tagship("ship", "--env", HOST, "--json"))

    assert deployed["migrations"] == ["shop.0002_change"]
    assert shop.sql(HOST, "SELECT who LIKE 'v-approle-shop-%', count FROM who").split() == ["t|1"]
    assert shop.sql(HOST, "SELECT tableowner FROM pg_tables WHERE tablename = 'who'").strip() == "shop"
    assert shop.sql(HOST, ROLES).strip() == "0"


@pytest.mark.thorough
def test_the_role_of_a_migration_that_fails_is_gone(shop: Managed) -> None:
    change(shop, 3, "SELECT 1 / 0")

    failed = shop.run("ship", "--env", HOST)

    assert failed.returncode == 11, failed.stderr
    assert "division by zero" in failed.stderr
    assert shop.sql(HOST, ROLES).strip() == "0"


@pytest.mark.thorough
def test_the_role_of_a_migration_that_is_stopped_is_gone(shop: Managed) -> None:
    shop.git("revert", "--no-edit", "HEAD")
    change(shop, 3, "SELECT pg_sleep(30)")
    deploying = shop.start("ship", "--env", HOST)
    until(lambda: shop.sql(HOST, SLEEPING).strip() == "1")
    assert shop.sql(HOST, ROLES).strip() == "1"

    deploying.send_signal(signal.SIGINT)
    _, err = deploying.communicate(timeout=60)

    assert deploying.returncode == 130, err
    assert shop.sql(HOST, ROLES).strip() == "0"
    shop.sql(HOST, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(30)%'")
    one_off = ("ps", "-q", "--filter", "label=com.docker.compose.oneoff=True")
    until(lambda: not shop.rig.hosts[0].docker(*one_off).strip())


def test_a_vault_that_refuses_the_lease_stops_the_deploy_before_anything_is_applied(shop: Managed) -> None:
    shop.git("revert", "--no-edit", "HEAD")
    change(shop, 3, "SELECT 1")
    shop.rig.vault.policy("migrator", {})

    failed = shop.run("ship", "--env", HOST)

    assert failed.returncode == 22, failed.stderr
    assert "Vault denies access to database/creds/shop" in failed.stderr
    assert "0003_change" not in shop.sql(HOST, "SELECT name FROM django_migrations")
