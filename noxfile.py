"""Everything a contributor or CI runs, each with its own set-up: `pip install nox && nox -s tests`."""

import hashlib
import logging
import os
import re
from datetime import UTC, datetime
from pathlib import Path

import nox

nox.needs_version = ">=2026.8.17"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "types", "unit"]

LOCKS = {group: Path(f"requirements/{group}.txt") for group in ("dev", "lock", "nox", "release")}

SIDE_BY_SIDE = ("-n", "2", "--dist", "loadfile", "--no-loadscope-reorder")
"""Two processes with a rig each, for a rig mostly waits; the unit tests, last, fill what is left of either's time."""

# all sessions share one environment
shared = nox.session(venv_backend="none", requires=["dev"])


@shared
def tests(session: nox.Session) -> None:
    """Lint, types and tests, against real engines and servers. Needs Debian or Ubuntu, as root. `e2e` has more."""
    check_style(session)
    check_workflows(session)
    check_documents(session)
    run(session, "mypy")
    run_last(session, "pytest", *SIDE_BY_SIDE, *session.posargs)


@shared
def unit(session: nox.Session) -> None:
    """The tests that need only Python, in about two minutes."""
    run(session, "pytest", "tests/unit", *session.posargs)


@shared
def contract(session: nox.Session) -> None:
    """The same assertions against the fakes that the package ships and against the real thing."""
    run(session, "pytest", "tests/contract", *session.posargs)


@shared
def e2e(session: nox.Session) -> None:
    """Every test against a real engine, registry, sshd and edge, on both engines; `tests` has about half of them."""
    run(session, "pytest", "-m", "not apps", *SIDE_BY_SIDE, "tests/e2e", "tests/faults", *session.posargs)


@shared
def apps(session: nox.Session) -> None:
    """Every application of tests/apps, from `init` to a rollback on a server, and every recipe of docs/recipes.md."""
    run(session, "pytest", "-m", "apps", "tests/e2e/test_init.py", "tests/e2e/test_recipes.py", *session.posargs)


@shared
def action(session: nox.Session) -> None:
    """The GitHub Action and the starter workflows, run by act on the rig, including attacks on them."""
    run(session, "pytest", "-m", "not apps", "tests/action", *session.posargs)


@shared
def faults(session: nox.Session) -> None:
    """Do everything wrong at every step of every command, under load: `-- --minutes 30 --write`; `-- --help`."""
    run_last(session, "python", "-m", "tests.faults", *session.posargs)


@shared
def soak(session: nox.Session) -> None:
    """Hours of deploys, migrations, backups and random faults under load: `-- --hours 1 --seed 1`; nothing grows."""
    run_last(session, "python", "-m", "tests.faults.soak", *session.posargs)


@shared
def fuzz(session: nox.Session) -> None:
    """Wrong input at random, for minutes; `unit` tries a little of it: `-- --examples 5000 --seed 1`."""
    run_last(session, "python", "-m", "tests.unit.fuzz", *session.posargs)


@shared
def bench(session: nox.Session) -> None:
    """Compare a deploy with a script that does only the necessary work: `-- --rounds 6 --before COMMIT --write`."""
    run_last(session, "python", "-m", "tests.bench", *session.posargs)


@shared
def audit(session: nox.Session) -> None:
    """Ask PyPI and npm for known vulnerabilities of every locked package, and list the action's in dist/."""
    run_last(session, "python", "-m", "tests.audit", *session.posargs)


@shared
def demo(session: nox.Session) -> None:
    """Ship the example application to real servers on this machine."""
    run_last(session, "python", "-m", "tests.demo", *session.posargs)


@nox.session(name="drill-demo", venv_backend="none", requires=["dev"])
def drill_demo(session: nox.Session) -> None:
    """Lose the example application's data, and bring it back from a real S3 server."""
    run_last(session, "python", "-m", "tests.drill", *session.posargs)


@shared
def lint(session: nox.Session) -> None:
    """Ruff's rules and format; workflows by zizmor, schemas and GitHub's own checker; the documents' links."""
    check_style(session)
    check_workflows(session)
    check_documents(session)


@shared
def types(session: nox.Session) -> None:
    """Mypy, strict."""
    run(session, "mypy", *session.posargs)


@shared
def docs(session: nox.Session) -> None:
    """Write the generated documents; `-- --check` only says whether they are out of date."""
    run(session, "python", "-m", "docs.generate", *session.posargs)


@shared
def site(session: nox.Session) -> None:
    """The documents as a site, in site/: every link checked."""
    build_site(session, "site")


@shared
def pictures(session: nox.Session) -> None:
    """Draw docs/pictures/ anew, from real runs on the rig."""
    run_last(session, "python", "-m", "tests.pictures")


@nox.session(venv_backend="none")
def cut(session: nox.Session) -> None:
    """Turn the changelog's Unreleased part into a version: `-- 1.2.3`. Commit what it changed, and tag that."""
    version = session.posargs[0] if session.posargs else ""
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        session.error("say which version: nox -s cut -- 1.2.3")
    source, log = Path("tasks/tagship/version.py"), Path("CHANGELOG.md")
    entries = log.read_text()
    if f"\n## {version} " in entries or not re.search(r"\n## Unreleased\n\n(?!## )", entries):
        session.error(f"CHANGELOG.md has {version} already, or nothing under Unreleased")
    today = datetime.now(UTC).date().isoformat()
    log.write_text(entries.replace("\n## Unreleased\n", f"\n## Unreleased\n\n## {version} ({today})\n", 1))
    source.write_text(re.sub(r'VERSION = "[^"]+"', f'VERSION = "{version}"', source.read_text()))


@nox.session
def release(session: nox.Session) -> None:
    """Build wheel and sources into dist/, twice to compare, and use the wheel alone; `-- v1.2.3` checks the tag."""
    session.install("--require-hashes", "-r", str(LOCKS["release"]))
    session.run("python", "-m", "tests.release", *session.posargs)


@nox.session
def dev(session: nox.Session) -> None:
    """The environment for the sessions and editors: the locked packages, and this one, editable."""
    wanted = hashlib.sha256(LOCKS["dev"].read_bytes() + Path("pyproject.toml").read_bytes()).hexdigest()
    installed = Path(session.virtualenv.location) / "installed"
    if not installed.exists() or installed.read_text() != wanted:
        session.install("--require-hashes", "-r", str(LOCKS["dev"]))
        session.install("--no-deps", "--no-build-isolation", "-e", ".")
        installed.write_text(wanted)
    (session.cache_dir / "dev").write_text(session.bin)


@nox.session
def lock(session: nox.Session) -> None:
    """Lock the newest versions that pyproject.toml allows, with hashes, for every Python and platform at once."""
    session.install("--require-hashes", "-r", str(LOCKS["lock"]))
    for group, path in LOCKS.items():
        every = [word for name in ("aws", "backups", "scan", "sentry") for word in ("--extra", name)]
        sources = ["pyproject.toml", *every] if group == "dev" else []
        session.run(
            "uv", "pip", "compile", "--quiet", "--no-config", "--universal", "--python-version", "3.11",
            "--generate-hashes", "--upgrade", "--custom-compile-command", "nox -s lock",
            *sources, "--group", f"pyproject.toml:{group}", "--output-file", str(path), *session.posargs,
        )  # fmt: skip

    # kingfisher alone, which needs no other package, for `lint`
    session.run(
        "uv", "pip", "compile", "--quiet", "--no-config", "--universal", "--python-version", "3.11",
        "--generate-hashes", "--upgrade", "--custom-compile-command", "nox -s lock", "--constraint", str(LOCKS["dev"]),
        "action/requirements-scan.in", "--output-file", "action/requirements-scan.txt", *session.posargs,
    )  # fmt: skip

    # what the action installs: the same versions, but only the package's own dependencies, with and without extras
    for extras in ((), ("aws",), ("backups",), ("sentry",), ("aws", "sentry"), ("backups", "sentry")):
        extra = [word for name in extras for word in ("--extra", name)]
        session.run(
            "uv", "pip", "compile", "--quiet", "--no-config", "--universal", "--python-version", "3.11",
            "--generate-hashes", "--upgrade", "--custom-compile-command", "nox -s lock",
            "--constraint", str(LOCKS["dev"]), "pyproject.toml", *extra,
            "--output-file", f"action/{'-'.join(('requirements', *extras))}.txt", *session.posargs,
        )  # fmt: skip


def check_workflows(session: nox.Session) -> None:
    """Every workflow and action, and those that apps get: nothing found."""
    run(session, "python", "-m", "tests.action.lint")


def check_documents(session: nox.Session) -> None:
    """The site, built for its links."""
    build_site(session, str(session.cache_dir / "site"))  # not create_tmp(), which moves TMPDIR for all that follows


def build_site(session: nox.Session, folder: str) -> None:
    """With MkDocs, strictly: a broken link or a page that no list names fails it."""
    os.environ["NO_MKDOCS_2_WARNING"] = "1"  # docs/dependencies.md knows
    # without --quiet, which also makes --strict count no warning
    run(session, "mkdocs", "build", "--strict", "--site-dir", folder)


def check_style(session: nox.Session) -> None:
    """Ruff's rules and its format."""
    run(session, "ruff", "check", "--quiet")
    run(session, "ruff", "format", "--check", "--quiet")


def run(session: nox.Session, program: str, *arguments: str) -> None:
    """Run a program of the shared environment, with its folder first on PATH."""
    folder = (session.cache_dir / "dev").read_text()
    path = os.pathsep.join((folder, os.environ["PATH"]))
    session.run(f"{folder}/{program}", *arguments, external=True, env={"PATH": path})


def run_last(session: nox.Session, program: str, *arguments: str) -> None:
    """Run a program that reports its own result, so that its lines are the last ones."""
    logging.getLogger("nox").setLevel(logging.CRITICAL)
    run(session, program, *arguments)
