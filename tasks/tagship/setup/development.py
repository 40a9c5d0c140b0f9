"""The application as Compose runs it on the developer's machine, from the developer's own Compose files."""

import json
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from tagship.errors import ConfigError, RolloutError
from tagship.project.schema import Config
from tagship.setup import toolchains
from tagship.setup.compose import NAMES
from tagship.system import foreground, programs
from tagship.system.compose_program import command

PAUSE = 0.5
"""Seconds between two looks at the containers."""
STEADY = 3.0
"""Seconds that a service without a healthcheck must run, because many crash only after a moment."""
_LINES = "20"
_ANYWHERE = {"", "0.0.0.0", "::", "127.0.0.1", "::1"}  # noqa: S104 - as Compose prints them


@dataclass(frozen=True)
class DevContainer:
    """A container of development."""

    service: str
    state: str
    """`running`, `healthy`, `starting`, `ended`, `failed`, `unhealthy`, or another state of the engine."""
    addresses: tuple[str, ...] = ()
    """Its published ports on this machine, `localhost:8000`."""

    @property
    def ready(self) -> bool:
        """Whether nothing has to be waited for."""
        return self.state in {"running", "healthy", "ended"}

    @property
    def broken(self) -> bool:
        """Whether waiting doesn't help."""
        return self.state in {"failed", "unhealthy"}


@dataclass(frozen=True)
class Development:
    """Runs Compose in the project's folder."""

    config: Config
    folder: Path
    environment: Mapping[str, str] = field(repr=False)

    @cached_property
    def words(self) -> list[str]:
        """The options that name the Compose files; none for those that Compose reads by itself. Raises ConfigError."""
        files = self.config.dev.compose
        if not files and not any((self.folder / name).is_file() for name in NAMES):
            files = self.config.compose[:1]
        if lacking := [name for name in files if not (self.folder / name).is_file()]:
            raise ConfigError(f"There is no {', '.join(lacking)}.", hint="set dev.compose in tagship.yml")
        return [word for name in files for word in ("--file", name)]

    def shown(self, argv: Sequence[str]) -> str:
        """A command of Compose, as one would type it."""
        return shlex.join(["docker", "compose", *self.words, *argv])

    def run(self, argv: Sequence[str], output: IO[str] | None = None) -> int:
        """Run Compose in the foreground, and return its exit code. `output`: where its stdout goes."""
        return foreground.run([*command(), *self.words, *argv], self.folder, self.environment, output)

    def read(self, *argv: str) -> str:
        """What Compose prints. Raises ConfigError."""
        whole = [*command(), *self.words, *argv]
        return programs.run(whole, cwd=self.folder, env=self.environment, fails_as=ConfigError).out

    @cached_property
    def services(self) -> dict[str, Any]:
        """Name → settings, as Compose reads them."""
        found: dict[str, Any] = json.loads(self.read("config", "--format", "json")).get("services") or {}
        return found

    def containers(self) -> list[DevContainer]:
        """What runs, and what has ended."""
        text = self.read("ps", "--all", "--format", "json").strip()
        raw = json.loads(text) if text.startswith("[") else [json.loads(line) for line in text.splitlines()]
        return sorted(map(_container, raw), key=lambda each: each.service)

    def wait(self, seconds: float, tell: Callable[[str], object]) -> list[DevContainer]:
        """Wait until everything is ready. Raises RolloutError with the last lines of what isn't."""
        end = time.monotonic() + seconds
        told, ready_since = "", 0.0
        while True:
            found = self.containers()
            waiting = sorted({each.service for each in found if not each.ready})
            broken = [each for each in found if each.broken]
            now = time.monotonic()
            ready_since = (ready_since or now) if not waiting else 0
            if not waiting and (now - ready_since >= STEADY or all(each.state != "running" for each in found)):
                return found
            if broken or now > end:
                raise self._failed(broken or [each for each in found if not each.ready], seconds)
            if waiting and told != (told := ", ".join(waiting)):
                tell(f"waiting for {told}")
            time.sleep(PAUSE)

    def _failed(self, wrong: Sequence[DevContainer], seconds: float) -> RolloutError:
        first = wrong[0]
        why = f"is {first.state}" if first.broken else f"is still {first.state} after {seconds:g} s"
        logs = self.read("logs", "--no-color", "--no-log-prefix", "--tail", _LINES, first.service).strip()
        said = "".join(f"\n  {line}" for line in logs.splitlines())
        return RolloutError(
            f"{first.service} {why}.{said}", hint=f"see all of it: tagship dev.logs --service {first.service}"
        )

    def service(self) -> str:
        """The service that commands run in. Raises ConfigError if it isn't known."""
        migrations = self.config.release.migrations
        for name in (self.config.dev.service, migrations.service if migrations else ""):
            if name in self.services:
                return name
        known = [name for name in self.services if self._known(name)]
        built = [name for name, settings in self.services.items() if settings.get("build")]
        for found in (known[:1], built if len(built) == 1 else []):
            if found:
                return found[0]
        raise ConfigError(
            "It isn't known which service commands run in.",
            hint=f"pass --service, or set dev.service in tagship.yml, to one of: {', '.join(self.services)}",
        )

    def _known(self, service: str) -> dict[str, str]:
        """Name → command, by the service's source code: what it is built from, or what is mounted into it."""
        settings = self.services[service]
        mounts = [each.get("source", "") for each in settings.get("volumes") or () if each.get("type") == "bind"]
        places = [str((settings.get("build") or {}).get("context", "")), *mounts]
        found = (Path(place) for place in places if place and Path(place).is_dir())
        return next((known for place in found if (known := everyday(place))), {})

    def command(self, name: str, service: str) -> list[str]:
        """The command `migrate`, `test`, … of a service. Raises ConfigError if there is none."""
        if service not in self.services:
            known = ", ".join(self.services)
            raise ConfigError(f"The Compose file has no service {service}.", hint=f"use one of: {known}")
        own = getattr(self.config.dev, name) if service == self.service() else ""
        if found := own or self._known(service).get(name, ""):
            return shlex.split(found)
        raise ConfigError(
            f"It isn't known what {name} means in {service}.",
            hint=f"add it to tagship.yml, for example dev: {{service: {service}, {name}: {_EXAMPLES[name]}}}",
        )

    def inside(self, service: str, argv: Sequence[str], *, terminal: bool) -> list[str]:
        """Compose's words that run a command in a service's running container, or else in a new one."""
        running = any(each.service == service and each.ready for each in self.containers())
        how = ["exec"] if running else ["run", "--rm"]
        return [*how, *([] if terminal else ["-T"]), service, *argv]


_EXAMPLES = {
    "migrate": "npx prisma migrate dev",
    "makemigrations": "npx prisma migrate dev --create-only",
    "superuser": "node bin/create-admin.js",
    "shell": "node",
    "test": "npm test",
}


def everyday(source: Path) -> dict[str, str]:
    """Name → command, of the framework in a folder and of its tests."""
    framework = toolchains.migrations(source)
    found = dict(_FRAMEWORKS.get(framework.name, {})) if framework else {}
    tests = next((suite.run[-1] for suite in toolchains.suites("app", source, source, "") if suite.kind == "test"), "")
    if tests:
        found["test"] = tests.rpartition(" app ")[2] if tests.startswith("docker compose ") else tests
    return found


_FRAMEWORKS: Mapping[str, Mapping[str, str]] = {
    "Django": {
        "migrate": "python manage.py migrate",
        "makemigrations": "python manage.py makemigrations",
        "superuser": "python manage.py createsuperuser",
        "shell": "python manage.py shell",
        "test": "python manage.py test",
    },
    "Alembic": {
        "migrate": "alembic upgrade head",
        "makemigrations": "alembic revision --autogenerate",
        "shell": "python",
    },
    "Rails": {
        "migrate": "bin/rails db:migrate",
        "makemigrations": "bin/rails generate migration",
        "shell": "bin/rails console",
        "test": "bin/rails test",
    },
    "Laravel": {
        "migrate": "php artisan migrate",
        "makemigrations": "php artisan make:migration",
        "shell": "php artisan tinker",
        "test": "php artisan test",
    },
}


def _container(raw: Mapping[str, Any]) -> DevContainer:
    state, health = str(raw["State"]), str(raw.get("Health") or "")
    if state == "exited":
        state = "failed" if raw.get("ExitCode") else "ended"
    elif state == "running" and health:
        state = health
    ports = [
        f"{'localhost' if port.get('URL', '') in _ANYWHERE else port['URL']}:{port['PublishedPort']}"
        for port in raw.get("Publishers") or ()
        if port.get("PublishedPort")
    ]
    return DevContainer(str(raw["Service"]), state, tuple(dict.fromkeys(ports)))
