"""The example on one server of the rig, as the drill demo begins with it."""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pyrage

from tests.demo.application import Application, build_variables, runtime_variables
from tests.drill import second
from tests.rig import Host, Rig

_ENVIRONMENT = """environments:
  production:
    engine: {engine}
    url: http://{address}
    variables: [.env.build, .env.production]
    edge: {{image: {edge}, https: 0}}
    smoke-within: 6s
backups:
  store: {store}
  recipients: {recipient}
  drill:
    check:
      yields: SELECT min(expected_yield) > 0 FROM properties_property
"""
_CHECKSUM = "SELECT count(*), md5(string_agg(p::text, '|' ORDER BY id)) FROM properties_property p;"


@dataclass
class Drill:
    """The example on one server of the rig, with its backups in the rig's S3."""

    rig: Rig
    host: Host
    app: Application
    environment: dict[str, str]
    steps: list[tuple[str, str]] = field(default_factory=list)

    def tagship(self, *words: str) -> str:
        """Run the console command on the rig's laptop, as a person would. Returns its output."""
        print(f"\n$ tagship {' '.join(words)}", flush=True)
        done = subprocess.run(
            self.rig.laptop.command([str(Path(sys.executable).with_name("tagship")), *words, "--env", "production"]),
            cwd=self.app.folder,
            env=self.environment,
            check=False,
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
        )
        print(done.stdout, end="", flush=True)
        if done.returncode:
            message = f"tagship {words[0]} ended with {done.returncode}"
            raise SystemExit(message)
        return done.stdout

    def sql(self, command: str) -> str:
        """Run SQL in the accessory."""
        name = "atlas-investor-production-accessories-db-1"
        return self.host.docker("exec", name, "psql", "-U", "atlas", "-d", "atlas", "-qAt", "-c", command).strip()

    @property
    def checksum(self) -> str:
        """How many rows there are, and a checksum of them all."""
        return self.sql(_CHECKSUM)

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Time a step for the table at the end."""
        began = time.monotonic()
        yield
        self.steps.append((title, f"{time.monotonic() - began:.1f} s"))


def stage(rig: Rig, host: Host, folder: Path) -> Drill:
    """Set the example up: its store, its keys, and its database's WAL archive."""
    key = pyrage.x25519.Identity.generate()
    app = Application(folder / "atlas-investor")
    store = rig.s3.bucket(f"drill-{secrets.token_hex(4)}", locked=True)
    text = _ENVIRONMENT.format(
        engine=host.ssh_url, address=host.address, edge=rig.image("caddy"), store=store, recipient=key.to_public()
    )
    variables = runtime_variables(rig, host.address).replace(rig.image("postgis"), rig.image("pgbackrest"))
    app.configure(text, {"production": variables}, build_variables(rig))
    app.use_registry(f"{rig.registry.address}/atlas")
    second.archive(rig, app)
    made_up = {name: secrets.token_urlsafe(24) for name in ("SECRET_KEY", "POSTGRES_PASSWORD", "WAL_PASSPHRASE")}
    made_up["WAL_S3_SECRET"] = rig.s3.key("keeper")[1]
    environment = {**os.environ, **rig.laptop.environment, **rig.s3.variables(), **made_up}
    return Drill(rig, host, app, {**environment, "TAGSHIP_IDENTITY": str(key)})
