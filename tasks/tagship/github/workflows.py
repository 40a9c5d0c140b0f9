"""Renders the starter workflows from tagship.yml. Pure, so that a difference can be shown first."""

import difflib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Self

import yaml

from tagship.errors import ConfigError
from tagship.github import logins
from tagship.project.schema import Config, Environment
from tagship.project.values import ecr_region
from tagship.release.references import Need, Needs
from tagship.variables.stores.environment import prefixes

CHECKOUT = "actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0"
SCHEDULE = "17 */6 * * *"
"""The schedule of the smoke tests, five cron fields in UTC. Not at the full hour, when GitHub is busiest."""
PREVIEW = "preview"
"""The environment on GitHub that holds the previews' secrets."""
DAILY = "37 4 * * *"
"""The schedule on which previews that have expired are removed."""
NIGHTLY, MONTHLY = "23 3 * * *", "41 4 2 * *"
"""The schedules of backups and of restore drills."""
_SSH = ["ssh-key: ${{ secrets.SSH_KEY }}", "known-hosts: ${{ vars.KNOWN_HOSTS }}"]
_BUILD = "    environment:\n      name: build # holds what builds and pushes need\n      deployment: false\n"
_HISTORY = "fetch-depth: ${{ inputs.sha && '0' || '1' }} # checks that a SHA given by hand is on the branch"
_USES = re.compile(r"uses: (?P<pin>[\w.-]+/tagship@[0-9a-f]{40})(?: # (?P<version>\S+))?")
_HELD = re.compile(r"\$\{\{ (secrets|vars)\.(\w+) \}\}")
_PIN = re.compile(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}")
_VERSION = re.compile(r"v?[0-9][\w.-]*")
_BRANCH = re.compile(r"[\w./-]+")


@dataclass(frozen=True)
class Action:
    """The action in a workflow, pinned to a commit, with its version as a comment."""

    pin: str
    version: str = ""

    @classmethod
    def parse(cls, pin: str, version: str) -> Self:
        """Raises ConfigError if it isn't pinned."""
        if not _PIN.fullmatch(pin):
            raise ConfigError(f"{pin!r} is not pinned.", hint="give OWNER/tagship@ and the 40 hex digits of a commit")
        if version and not _VERSION.fullmatch(version):
            raise ConfigError(f"{version!r} isn't a version.", hint="write it like v1.2.3")
        return cls(pin, version)

    def __str__(self) -> str:
        return f"{self.pin} # {self.version}" if self.version else self.pin


def used(workflow: str) -> Action | None:
    """The action that a workflow already uses."""
    found = _USES.search(workflow)
    return Action(found["pin"], found["version"] or "") if found else None


def secret_names(needs: Needs, given: Iterable[str]) -> list[str]:
    """The names in Compose files without a value: an environment's secrets."""
    names = {name for name, need in needs.items() if need is not Need.DEFAULTED}
    return sorted(name for name in names - set(given) if not name.startswith("TAGSHIP_"))


def render(
    config: Config,
    action: Action,
    secrets: Mapping[str, Sequence[str]] | None = None,
    build_secrets: Sequence[str] = (),
) -> dict[str, str]:
    """Path → content of every workflow.

    `secrets`: environment, or `preview`, → the names of its secrets; `build_secrets`: those of builds.
    """
    shipped = [settings for settings in config.environments.values() if settings.branch]
    if not shipped:
        raise ConfigError("No environment has a branch.", hint="give one `branch: main`")
    for settings in shipped:
        if not _BRANCH.fullmatch(settings.branch):
            raise ConfigError(f"The branch {settings.branch!r} can't be used in a workflow.")
    known = {"checkout": CHECKOUT, "action": str(action), "history": _lines([_HISTORY])}
    names = ", ".join(settings.name for settings in shipped)
    deploy = known | {"branches": f"[{', '.join(dict.fromkeys(s.branch for s in shipped))}]"}
    jobs = [_fill("deploy-environment", known | _environment(s, config, secrets or {})) for s in shipped]
    back = [_fill("rollback-environment", known | _rollback(s, config, secrets or {})) for s in shipped]
    first = [_fill("deploy-test", known)]
    if not _embedded(config):
        first.append(_fill("deploy-build", known | _registry(config) | _build(config, build_secrets)))
    folder = ".github/workflows"
    return {
        f"{folder}/deploy.yml": _fill("deploy", deploy | {"jobs": "".join([*first, *jobs]).rstrip()}),
        f"{folder}/ci.yml": _fill("ci", known),
        f"{folder}/rollback.yml": _fill("rollback", {"environments": f"[{names}]", "jobs": "".join(back).rstrip()}),
        f"{folder}/smoke.yml": _fill("smoke", known | _smoke(shipped) | {"environments": f"[{names}]"}),
        ".github/dependabot.yml": _fill("dependabot", {}),
        **{f"{folder}/{name}": text for name, text in _backups(known, shipped, config).items()},
        **{f"{folder}/{name}": text for name, text in _previews(known, config, secrets or {}, build_secrets).items()},
    }


def held(files: Mapping[str, str]) -> dict[str, tuple[list[str], list[str]]]:
    """Environment on GitHub → the names of the secrets and of the variables that its jobs refer to."""
    found: dict[str, set[tuple[str, str]]] = {}
    for text in files.values():
        for job in (yaml.safe_load(text).get("jobs") or {}).values():
            named = job.get("environment")
            if named:
                name = named["name"] if isinstance(named, dict) else named
                found.setdefault(name, set()).update(_HELD.findall(json.dumps(job)))
    return {
        name: (sorted(n for kind, n in names if kind == "secrets"), sorted(n for kind, n in names if kind == "vars"))
        for name, names in found.items()
    }


def difference(wanted: Mapping[str, str], root: Path) -> str:
    """A unified diff from the existing to the wanted files; empty if they are equal."""
    lines: list[str] = []
    for path, content in wanted.items():
        before = (root / path).read_text() if (root / path).is_file() else ""
        old, new = before.splitlines(keepends=True), content.splitlines(keepends=True)
        lines += difflib.unified_diff(old, new, path if before else "/dev/null", path)
    return "".join(lines)


def _embedded(config: Config) -> bool:
    """Whether images can't pass from one job to another, so that one job must build and deploy."""
    return config.registry in {"", "embedded"}


def _environment(settings: Environment, config: Config, secrets: Mapping[str, Sequence[str]]) -> dict[str, str]:
    held = "this job waits for its protection rules" if settings.approval == "required" else "its secrets and variables"
    embedded, stores = _embedded(config), logins.stores(settings)
    env = [
        f"{p}{name}: ${{{{ secrets.{name} }}}}" for p in _prefix(settings) for name in secrets.get(settings.name, ())
    ]
    env += [*logins.variables(stores), *_bucket(settings)]  # a deploy backs up before it migrates
    if settings.sentry:
        env.append("SENTRY_AUTH_TOKEN: ${{ secrets.SENTRY_AUTH_TOKEN }}")
    told = dict.fromkeys(name for each in settings.notify for name in (each.url, each.secret) if name)
    env += [f"{name}: ${{{{ secrets.{name} }}}}" for name in told]
    registry = _registry(config, read=True)
    return registry | {
        "pull-permission": registry["pull-permission"] + logins.permission(stores),
        "id-token": logins.permission(stores),
        "login": logins.step(stores),
        "environment": settings.name,
        "branch": settings.branch,
        "needs": "test" if embedded else "build",
        "run": ("build push deploy" if config.registry else "build deploy") if embedded else "deploy",
        "held": held,
        "history": _lines(["fetch-depth: 0 # Sentry gets the commits of the release"])
        if settings.sentry
        else _lines([_HISTORY]),
        "digests": "" if embedded else _lines(["digests: ${{ needs.build.outputs.digests }}"]),
        "access": _lines(_SSH) if settings.engine != "local" else "",
        "secrets": "        env:\n" + _lines(env) if env else "",
    }


def _build(config: Config, names: Sequence[str]) -> dict[str, str]:
    """What the job that builds needs for build secrets: an environment that holds them, or a login to their stores."""
    stores = (*(config.secrets if names else ()), *logins.registry(config.registry))
    env = [f"{prefix}{name}: ${{{{ secrets.{name} }}}}" for prefix in prefixes(stores)[:1] for name in names]
    env += logins.variables(stores)
    return {
        "id-token": logins.permission(stores),
        "login": logins.step(stores),
        "secrets": "        env:\n" + _lines(env) if env else "",
        **({"build-environment": _BUILD} if names else {}),
    }


def _prefix(settings: Environment) -> list[str]:
    """The prefix of variables with secrets; none if secrets come from elsewhere."""
    return prefixes(settings.secrets)[:1]


def _rollback(settings: Environment, config: Config, secrets: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """As for a deploy; to restore a backup, and only then, it also gets the private key."""
    found = _environment(settings, config, secrets)
    if not settings.backups:
        return found
    key = _lines(["TAGSHIP_IDENTITY: ${{ inputs.lose-data && secrets.TAGSHIP_IDENTITY || '' }}"])
    return found | {"secrets": (found["secrets"] or "        env:\n") + key}


def _backups(known: Mapping[str, str], shipped: Sequence[Environment], config: Config) -> dict[str, str]:
    """Workflows that back up each night, and try a restore each month; none without `backups`."""
    backed_up = [settings for settings in shipped if settings.backups]
    if not backed_up:
        return {}
    files = {}
    for name, schedule in (("backup", NIGHTLY), ("drill", MONTHLY)):
        jobs = [_fill(f"{name}-environment", {**known, **_backup(name, schedule, each, config)}) for each in backed_up]
        files[f"{name}.yml"] = _fill(name, {"schedule": schedule, "jobs": "".join(jobs).rstrip()})
    return files


def _backup(name: str, schedule: str, settings: Environment, config: Config) -> dict[str, str]:
    """A job has only the secrets that it needs: the private key is the drill's alone."""
    assert settings.backups  # noqa: S101 - the caller's condition
    env = [*logins.variables(logins.stores(settings)), *_bucket(settings)]
    if settings.backups.database and (url := settings.backups.database.url):
        env += [f"{prefix}{url}: ${{{{ secrets.{url} }}}}" for prefix in _prefix(settings)]
    env += ["TAGSHIP_IDENTITY: ${{ secrets.TAGSHIP_IDENTITY }}"] if name == "drill" else []
    env += ["TAGSHIP_SENTRY_DSN: ${{ vars.TAGSHIP_SENTRY_DSN }}"] if settings.sentry else []
    run = "backup.create --reason scheduled" if name == "backup" else "backup.drill"
    check_in = f' --check-in "{schedule}"' if settings.sentry else ""
    # where a person has to approve deploys, no backup may wait for that person
    held_in = f"{settings.name}-backup" if settings.approval == "required" else settings.name
    return _environment(settings, config, {}) | {
        "held-in": held_in,
        "run": f"{run}{check_in}" + (" backup.prune" if name == "backup" else ""),
        "secrets": "        env:\n" + _lines(env) if env else "",
        "access": _lines(_SSH) if "ssh:" in {settings.engine[:4], settings.backups.store[:4]} else "",
    }


def _previews(
    known: Mapping[str, str], config: Config, secrets: Mapping[str, Sequence[str]], build_secrets: Sequence[str]
) -> dict[str, str]:
    """A workflow for the previews of pull requests; none without `previews`."""
    if config.previews is None:
        return {}
    settings = config.previews.preview(config.environments[config.previews.like], 1)
    names = sorted({*secrets.get(PREVIEW, ()), *build_secrets})
    found = {**known, **_environment(settings, config, {settings.name: names}), "schedule": DAILY}
    found["push-permission"] = _registry(config)["push-permission"] + found["id-token"]
    return {"preview.yml": _fill("preview", found)}


def _bucket(settings: Environment) -> list[str]:
    """The key to backups in S3. A job that takes a role in AWS has none: that role reads and writes the bucket."""
    if not settings.backups or not settings.backups.store.startswith("s3:") or logins.aws(settings.secrets):
        return []
    return [f"{each}: ${{{{ secrets.{each} }}}}" for each in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")]


def _smoke(shipped: Sequence[Environment]) -> dict[str, str]:
    """With Sentry, report the scheduled runs to its monitors; a DSN isn't secret."""
    reports = any(settings.sentry for settings in shipped)
    env = "        env:\n" + _lines(["TAGSHIP_SENTRY_DSN: ${{ vars.TAGSHIP_SENTRY_DSN }}"])
    return {
        "schedule": SCHEDULE,
        "run": f'smoke-test --check-in "{SCHEDULE}"' if reports else "smoke-test",
        "reporting": env if reports else "",
    }


def _registry(config: Config, *, read: bool = False) -> dict[str, str]:
    """Credentials to push and pull: the job's token for GitHub's registry, a name and a password for others."""
    if config.registry.startswith("ghcr.io/"):
        user, password = "${{ github.actor }}", "${{ github.token }}"
        permission = "read # pulls the images" if read else "write # pushes the images"
        granted = f"      packages: {permission}\n"
    else:
        user, password, granted = "${{ vars.REGISTRY_USERNAME }}", "${{ secrets.REGISTRY_PASSWORD }}", ""
    given = [f"registry-username: {user}", f"registry-password: {password}"]
    by_role = bool(ecr_region(config.registry))  # which the job takes before
    credentials = "" if _embedded(config) or by_role else _lines(given)
    return {
        "push-permission": granted,
        "pull-permission": granted,
        "credentials": credentials,
        "build-environment": "" if granted or by_role else _BUILD,
    }


def _lines(inputs: Sequence[str]) -> str:
    return "".join(f"          {line}\n" for line in inputs)


def _fill(template: str, known: Mapping[str, str]) -> str:
    text = (files("tagship.github") / "templates" / f"{template}.yml").read_text(encoding="utf-8")
    return re.sub(r"«([\w-]+)»", lambda found: known[found[1]], text)
