"""`github.workflows`, `github.protect`, `github.check`: set up and check GitHub as tagship.yml says."""

from __future__ import annotations

import json as jsonlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.context import Context

from tagship.commands.task import JSON, task
from tagship.errors import ApprovalError, ConfigError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tagship.github import protection
    from tagship.github import workflows as starters
    from tagship.github.api import Repository
    from tagship.project.schema import Config, Environment


@task(
    trusts=False,
    help={
        "uses": "The pinned action, OWNER/tagship@40-HEX-SHA. Default: the one that the workflows already use.",
        "version": "The version of that SHA, such as v1.2.3, for the comment beside it.",
        "dry-run": "Print the differences and change nothing.",
    },
)
def workflows(_: Context, uses: str = "", version: str = "", dry_run: bool = False) -> None:
    """Write the GitHub workflows that ship this app.

    Renders them from tagship.yml into .github. Lists the secrets and variables that they need on GitHub.
    """
    from tagship.github import workflows as starters
    from tagship.project import here

    root = here.folder()
    action = _action(uses, version, root)
    config = here.config()
    files = _rendered(config, action, root)
    different = starters.difference(files, root)
    print(different or "The workflows are up to date with tagship.yml.")
    if dry_run:
        return
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)
    for name, (secrets, variables) in starters.held(files).items():
        print(_set_on_github(name, secrets, variables))


@task(
    help={
        "env": "Only this environment. Default: all with `branch` or `approval: required`.",
        "reviewer": "Who may approve: USER or ORG/TEAM. You can repeat this option.",
        "wait-minutes": "Minutes that a job waits before it may run.",
        "variable": "A variable of the environment, NAME=VALUE. You can repeat this option.",
        "dry-run": "Print the differences and change nothing.",
    },
    iterable=["reviewer", "variable"],
)
def protect(
    _: Context, reviewer: list[str], variable: list[str], env: str = "", wait_minutes: int = 0, dry_run: bool = False
) -> None:
    """Create or tighten the environments on GitHub.

    Keeps settings that are already stricter.
    """
    from tagship.github import api
    from tagship.project import here

    config, repo = here.config(), api.needed(os.environ)
    reviewers = frozenset(map(repo.reviewer, reviewer))
    wanted_variables = dict(_pair(each) for each in variable)
    for settings in _chosen(config, env):
        wanted = _wanted(settings, reviewers, wait_minutes, wanted_variables)
        _protect(repo, settings.name, wanted, dry_run=dry_run)


@task(
    changes=False,
    trusts=False,
    help={"env": "Check only this environment. Default: all with `approval: required`.", "json": JSON},
)
def check(_: Context, env: str = "", json: bool = False) -> None:
    """Check that the environments are protected on GitHub.

    Checks those with `approval: required`, or the given one, and that each has the secrets and variables that the
    workflows refer to, as far as the token may list their names. Fails if something is missing.
    """
    from tagship.github import api, protection
    from tagship.github import gate as approval
    from tagship.project import here

    repo = api.needed(os.environ)
    found = {
        settings.name: protection.findings(settings.name, approval.observe(repo, settings.name), private=False)
        for settings in _chosen(here.config(), env)
        if env or settings.approval == "required"
    }
    for name, lines in _lacking(repo, found).items():
        found[name] += lines
    if json:
        print(jsonlib.dumps(found))
    else:
        for name, lacking in found.items():
            print("\n".join(lacking) or f"{name} is protected.")
    if any(found.values()):
        hint = "run `tagship github.protect`, and `gh secret set NAME --env ENVIRONMENT`"
        raise ApprovalError("Not every environment is protected and complete.", hint=hint)


def _protect(repo: Repository, name: str, wanted: protection.Protection, *, dry_run: bool) -> None:
    from tagship.github import gate as approval
    from tagship.github import protection

    now = approval.observe(repo, name)
    known = repo.variables(name) if now and wanted.variables else {}
    if now:
        now = protection.Protection(**{**vars(now), "variables": known})
    lines = protection.difference(name, now, wanted)
    print("\n".join([f"{name}:", *(f"  {line}" for line in lines)]) if lines else f"{name}: up to date")
    if not lines or dry_run:
        return
    goal = protection.merge(now, wanted)
    repo.put_environment(name, protection.payload(goal))
    before = now.branches or {} if now else {}
    for branch in (goal.branches or {}).keys() - before.keys():
        repo.add_branch_policy(name, branch)
    for branch in before.keys() - (goal.branches or {}).keys():
        repo.remove_branch_policy(name, before[branch])
    for key, value in (wanted.variables or {}).items():
        if known.get(key) != value:
            repo.set_variable(name, key, value, exists=key in known)


def _wanted(
    settings: Environment, reviewers: frozenset[protection.Reviewer], wait: int, variables: dict[str, str]
) -> protection.Protection:
    from tagship.github import protection

    approved = settings.approval == "required"
    if approved and len(reviewers) > protection.MOST_REVIEWERS:
        raise ConfigError(f"GitHub allows at most {protection.MOST_REVIEWERS} reviewers.", hint="give fewer, or a team")
    return protection.Protection(
        reviewers=reviewers if approved else frozenset(),
        prevent_self_review=approved,
        wait_minutes=wait if approved else 0,
        branches={settings.branch: 0} if settings.branch else None,
        variables=variables,
    )


def _chosen(config: Config, env: str) -> list[Environment]:
    """The environments that a workflow may deploy to; GitHub has none for `local`."""
    if env:
        return [config.environment(env)]
    return [settings for settings in config.environments.values() if settings.branch or settings.approval == "required"]


def _pair(variable: str) -> tuple[str, str]:
    name, equals, value = variable.partition("=")
    if not equals or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise UsageError(f"--variable {variable!r} isn't NAME=VALUE.", hint="write --variable NAME=VALUE")
    return name.upper(), value


def _secrets(settings: Environment, root: Path) -> list[str]:
    """The names in an environment's Compose files that its variables don't define."""
    from tagship.github import workflows as starters
    from tagship.source import references
    from tagship.variables import files as variables

    known = variables.read([name for name in settings.variables if (root / name).is_file()], root)
    return starters.secret_names(references.in_files(settings.compose, root), known)


def _rendered(config: Config, action: starters.Action, root: Path) -> dict[str, str]:
    from tagship.github import workflows as starters
    from tagship.source import references

    secrets = {name: _secrets(each, root) for name, each in config.environments.items()}
    if config.previews:
        like = config.environments[config.previews.like]
        secrets[starters.PREVIEW] = _secrets(config.previews.preview(like, 1), root)
    return starters.render(config, action, secrets, references.build_secrets(config.compose, root))


def _lacking(repo: Repository, environments: Iterable[str]) -> dict[str, list[str]]:
    """Environment → a line each for the secrets and variables that its jobs refer to and GitHub doesn't have."""
    from tagship.errors import GitHubError
    from tagship.github import workflows as starters
    from tagship.project import here
    from tagship.release.references import Need
    from tagship.source import references

    config, root = here.config(), here.folder()
    if not any(settings.branch for settings in config.environments.values()):
        return {}
    anything = starters.Action.parse(f"OWNER/tagship@{'0' * 40}", "")
    files = starters.render(
        config, anything, {name: _secrets(each, root) for name, each in config.environments.items()}
    )
    held, lines = starters.held(files), dict[str, list[str]]()
    for name in environments:
        settings = config.environments[name]
        spared = {n for n, need in references.in_files(settings.compose, root).items() if need < Need.SET}
        secrets, variables = held.get(name, ((), ()))
        try:
            lacking = {
                "secrets": sorted({*secrets} - spared - repo.secret_names(name)),
                "variables": sorted({*variables} - {"TAGSHIP_SENTRY_DSN"} - repo.variable_names(name)),
            }
        except GitHubError:  # a token that may not list them
            continue
        lines[name] = [f"{name} lacks the {kind} {', '.join(names)}" for kind, names in lacking.items() if names]
    return lines


def _set_on_github(name: str, secrets: Sequence[str], variables: Sequence[str]) -> str:
    wanted = [f"{kind} {', '.join(names)}" for kind, names in (("secrets", secrets), ("variables", variables)) if names]
    return f"{name} needs on GitHub: {'; '.join(wanted) or 'nothing'}."


def _action(uses: str, version: str, root: Path) -> starters.Action:
    """The given action, or the one that the existing workflows use. Raises ConfigError."""
    from tagship.github import workflows as starters

    if uses:
        return starters.Action.parse(uses, version)
    for path in sorted((root / ".github" / "workflows").glob("*.yml")):
        if found := starters.used(path.read_text()):
            return found
    raise ConfigError("No workflow here uses the action yet.", hint="pass --uses OWNER/tagship@40-HEX-SHA")
