"""The example application in a repository of its own, one commit for each version that the demo ships."""

import re
import shutil
import subprocess
from pathlib import Path

from tests.rig import Rig

EXAMPLE = Path(__file__).parents[2] / "examples" / "atlas-investor"

_MIGRATION = '''"""Version 2: how many bedrooms. It only adds, so version 1 still runs on it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Expand."""

    dependencies = (("properties", "0003_price_index"),)
    operations = (
        migrations.AddField("property", "bedrooms", models.PositiveSmallIntegerField(null=True)),
    )
'''


_VARIABLES = """ALLOWED_HOSTS={address}
CORS_ALLOWED_ORIGINS=http://{address}
DEFAULT_FROM_EMAIL=atlas@example.com
DEMO_ENDPOINTS=1
POSTGIS_IMAGE={postgis}
REDIS_IMAGE={redis}
"""


def build_variables(rig: Rig) -> dict[str, str]:
    """The base images, as the rig has them."""
    return {"PYTHON_IMAGE": rig.image("python"), "NODE_IMAGE": rig.image("node"), "CADDY_IMAGE": rig.image("caddy")}


def runtime_variables(rig: Rig, address: str) -> str:
    """The content of an environment's file of variables, for a host of the rig."""
    return _VARIABLES.format(address=address, postgis=rig.image("postgis"), redis=rig.image("redis"))


class Application:
    """A git repository with the example in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("node_modules", ".venv", "__pycache__"))
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("config", "user.name", "Demo")
        self.git("config", "user.email", "demo@example.com")

    def commit(self, message: str) -> str:
        """Commit everything. Returns the SHA."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        return self.git("rev-parse", "HEAD")

    def second_version(self) -> None:
        """A schema change, and a line that people see."""
        self.migration()
        self.replace("frontend/index.html", "<title>Atlas Investor</title>", "<title>Atlas Investor 2</title>")

    def migration(self) -> None:
        """A column more."""
        migrations = self.folder / "backend" / "properties" / "migrations"
        (migrations / "0004_property_bedrooms.py").write_text(_MIGRATION)
        self.replace(
            "backend/properties/models.py",
            "    location = models.PointField()\n",
            "    bedrooms = models.PositiveSmallIntegerField(null=True)\n    location = models.PointField()\n",
        )

    def broken_version(self) -> None:
        """Break the search so that it finds nothing: the containers stay healthy, and only a smoke test notices."""
        self.replace(
            "backend/properties/views.py", '{"count": len(found), "results": found}', '{"count": 0, "results": []}'
        )

    def configure(self, environments: str, variables: dict[str, str], build: dict[str, str]) -> None:
        """Replace tagship.yml's environments by the rig's, and write their variables."""
        config = self.folder / "tagship.yml"
        kept = config.read_text().partition("\nenvironments:")[0]
        config.write_text(f"{kept}\nvariables: .env.build\n{environments}")
        (self.folder / ".env.build").write_text("".join(f"{name}={value}\n" for name, value in build.items()))
        for name, text in variables.items():
            (self.folder / f".env.{name}").write_text(text)

    def use_registry(self, prefix: str) -> None:
        """Push to a registry of the rig; no Sentry, and no suites or linters with images of their own."""
        self.replace("tagship.yml", "registry: embedded", f"registry: {prefix}\nregistry-insecure: true")
        config = self.folder / "tagship.yml"
        text = config.read_text()
        sentry = text.rindex("\n\n", 0, text.index("\nsentry:"))
        release = re.sub(r"\n    lint: .*", "", text[text.index("release:") :])
        config.write_text(f"{text[:sentry]}\n\n{release}")

    def replace(self, path: str, old: str, new: str) -> None:
        """Replace a text of a file, wherever it stands; it has to stand somewhere."""
        file = self.folder / path
        text = file.read_text()
        if old not in text:
            msg = f"{path} no longer holds {old!r}: the demo's next version can't be made"
            raise RuntimeError(msg)
        file.write_text(text.replace(old, new))

    def git(self, *words: str) -> str:
        """Run git; what it printed."""
        done = subprocess.run(["git", *words], cwd=self.folder, capture_output=True, text=True, check=True)
        return done.stdout.strip()
