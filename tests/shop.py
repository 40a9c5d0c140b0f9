"""A small Django application with a PostgreSQL database, for tests of migrations on the rig."""

import re
from collections.abc import Mapping
from pathlib import Path

import yaml

from tests.hello import Hello
from tests.rig import Rig

_DOCS = Path(__file__).parents[1] / "docs" / "migrations.md"
_MANAGE = '''"""The whole application but its model and its migrations: settings, one view, and the commands."""

import os
import sys

from django.conf import settings

settings.configure(
    ALLOWED_HOSTS=["*"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": "db", "NAME": "shop", "USER": "shop", "PASSWORD": os.environ["POSTGRES_PASSWORD"],
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=["shop"],
    # as in every new project; it says how long an answer is: of those to a POST that end with their connection alone,
    # Caddy cuts one in ten thousand
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    ROOT_URLCONF="urls",
    SECRET_KEY="x",
    USE_TZ=True,
)

if __name__ == "__main__":
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
'''
_URLS = '''"""`/` reads and writes the table of items."""

import os

from django.http import HttpResponse
from django.urls import path

from shop.models import Item


def index(request):
    """Adds an item now and then, and says how many there are."""
    if request.method == "POST":
        request.read()  # closing with a body unread resets the connection, which may cut the answer
        Item.objects.create(name="more")
    found = list(Item.objects.all())
    return HttpResponse(f"hello {os.environ['RELEASE_SHA']} {len(found)} items\\n")


urlpatterns = [path("", index), path("slow", index)]
'''
_SERVE = '''"""Serves the application."""

import signal
import socketserver
import threading
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import manage
from django.core.wsgi import get_wsgi_application


class Threaded(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = False


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


server = make_server("", 8000, get_wsgi_application(), Threaded, Quiet)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever(poll_interval=0.05)
server.server_close()
'''
_MODELS = '''"""The table of items."""

from django.db import models


class Item(models.Model):
    """Something to sell."""

    name = models.CharField(max_length=40)
'''
_DOCKERFILE = """ARG PYTHON_IMAGE=python:3.12-slim
FROM ${PYTHON_IMAGE}
RUN pip install 'django==5.2.*' 'psycopg[binary]==3.2.*'
WORKDIR /app
COPY . .
CMD ["python3", "serve.py"]
"""
_ALEMBIC_DOCKERFILE = """ARG PYTHON_IMAGE=python:3.12-slim
FROM ${PYTHON_IMAGE}
RUN pip install alembic 'psycopg[binary]==3.2.*'
WORKDIR /app
COPY . .
CMD ["python3", "server.py"]
"""
_ALEMBIC_INI = "[alembic]\nscript_location = migrations\n"
_ALEMBIC_ENV = """import os

from alembic import context
from sqlalchemy import URL, create_engine

url = URL.create("postgresql+psycopg", "shop", os.environ["POSTGRES_PASSWORD"], "db", 5432, "shop")
if context.is_offline_mode():
    context.configure(url=url, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    with create_engine(url).begin() as connection:
        context.configure(connection=connection)
        context.run_migrations()
"""
ALEMBIC = yaml.safe_load("".join(re.findall(r"# Alembic\n(.*?)```", _DOCS.read_text(), re.DOTALL)))
"""The commands as docs/migrations.md gives them."""
_FIRST = """migrations.CreateModel("Item", [
    ("id", models.BigAutoField(primary_key=True)),
    ("name", models.CharField(max_length=40)),
])"""


class WithDatabase(Hello):
    """`Hello` with a PostgreSQL database beside it."""

    def __init__(self, rig: Rig, folder: Path, name: str) -> None:
        super().__init__(rig, folder, name)
        self.environment["POSTGRES_PASSWORD"] = "not secret at all"  # noqa: S105 - of a database that a test makes
        password = {"POSTGRES_PASSWORD": "${POSTGRES_PASSWORD}"}
        self.compose["services"]["web"]["environment"] |= password
        self.compose["services"]["db"] = {
            "image": self.rig.image("postgis"),
            "environment": {"POSTGRES_USER": "shop", "POSTGRES_DB": "shop", **password},
            "healthcheck": {"test": ["CMD-SHELL", "pg_isready -U shop -h 127.0.0.1"], "interval": "1s"},
            "volumes": ["data:/var/lib/postgresql/data"],
        }
        self.compose["volumes"] = {"data": {}}
        self.settings |= {"secrets": "env://", "release": {"services": ["web"], "accessories": ["db"]}}

    def write(self, files: Mapping[str, str]) -> None:
        """Write files of the application, each with its path."""
        for path, text in files.items():
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_text(text)

    def database(self, environment: str) -> str:
        """The name of the database's container."""
        return f"{self.name}-{environment}-accessories-db-1"

    def sql(self, environment: str, statement: str) -> str:
        """Run SQL in the environment's database."""
        return self.rig.hosts[int(environment[-1]) - 1].docker(
            "exec", self.database(environment), "psql", "-U", "shop", "-h", "127.0.0.1", "-Atc", statement, "shop"
        )


class Shop(WithDatabase):
    """With Django in place of its server."""

    def __init__(self, rig: Rig, folder: Path, name: str) -> None:
        super().__init__(rig, folder, name)
        self.write({
            "manage.py": _MANAGE, "urls.py": _URLS, "serve.py": _SERVE, "Dockerfile": _DOCKERFILE,
            "shop/__init__.py": "", "shop/models.py": _MODELS, "shop/migrations/__init__.py": "",
        })  # fmt: skip
        self.migration("0001_first", "", _FIRST)
        self.settings["release"]["migrations"] = {"service": "web", "framework": "django"}

    def migration(self, name: str, after: str, *operations: str, atomic: bool = True) -> None:
        """Write a migration of these operations, in Python."""
        needed = f'("shop", "{after}")' if after else ""
        text = (
            "from django.db import migrations, models\n\n\nclass Migration(migrations.Migration):\n"
            f"    atomic = {atomic}\n    dependencies = [{needed}]\n    operations = [{', '.join(operations)}]\n"
        )
        self.write({f"shop/migrations/{name}.py": text})

    def field(self, line: str) -> None:
        """Add a field to the model."""
        self.append("shop/models.py", f"    {line}\n")


class AlembicShop(WithDatabase):
    """With Alembic, and Hello's own server, which needs no database."""

    def __init__(self, rig: Rig, folder: Path, name: str) -> None:
        super().__init__(rig, folder, name)
        self.write({"Dockerfile": _ALEMBIC_DOCKERFILE, "alembic.ini": _ALEMBIC_INI, "migrations/env.py": _ALEMBIC_ENV})
        self.settings["release"]["migrations"] = {"service": "web", **ALEMBIC}

    def migration(self, revision: str, after: str, up: str, down: str) -> None:
        """Write a migration: what it does, and what reverses it, in Python."""
        text = (
            "import sqlalchemy as sa\nfrom alembic import op\n\n"
            f"revision, down_revision = {revision!r}, {after or None!r}\n\n\n"
            f"def upgrade():\n    {up}\n\n\ndef downgrade():\n    {down}\n"
        )
        self.write({f"migrations/versions/{revision}.py": text})
