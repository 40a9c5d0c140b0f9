"""Recognises a component's tests, linters, migrations and health check by its files."""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_NO_TEST = "no test specified"
_REQUIREMENTS = ("pyproject.toml", "requirements*.txt", "requirements/*.txt", "Pipfile", "setup.cfg")
_MAKE = re.compile(r"^(test|lint)\s*:(?!=)", re.MULTILINE)
_HEALTH = re.compile(r"[\"'](/(?:healthz?|health-?check|livez|readyz|up|ping|status)/?)[\"']")
_DJANGO_HEALTH = re.compile(r"path\(\s*[\"'](health[a-z]*/)[\"']")
_ROOT = re.compile(r"\b(?:route|get)\(\s*[\"']/[\"']")
_SOURCES = ("*.py", "*.js", "*.mjs", "*.ts", "*.rb", "*.php", "*.go")
_SKIPPED = re.compile(r"(^|/)(node_modules|\.?venv|vendor|dist|build|tests?|spec|__tests__|\.[^/]+)(/|$)")
_MOST_FILES, _MOST_BYTES = 400, 200_000
_RAILS = 'sh -c \'s=$(bin/rails db:migrate:status) && echo "$s" | sed -n "s/^ *down *\\([0-9]*\\).*/\\1/p"\''
_LARAVEL = 'sh -c \'s=$(php artisan migrate:status) && echo "$s" | sed -n "s/^ *\\([^ ]*\\) .*Pending.*/\\1/p"\''
_ALEMBIC = (
    'sh -c \'all=$(alembic history -r current:heads -i) && echo "$all" | '
    'sed -n "/(current)/d; s/.* -> \\([^ ,]*\\).*/\\1/p" | tac\''
)


@dataclass(frozen=True)
class Suite:
    """A component's tests or linters, and where that was read."""

    kind: str
    """`test` or `lint`."""
    component: str
    run: tuple[str, ...]
    why: str
    directory: str = "."
    lacking: str = ""
    """The program that this machine lacks for it."""


@dataclass(frozen=True)
class Migrations:
    """How a framework's migrations are run: keys and values of `release.migrations`."""

    name: str
    keys: tuple[tuple[str, str], ...]


def suites(component: str, context: Path, folder: Path, in_image: str) -> list[Suite]:
    """The suites of a component. `in_image`: the requirements that its image installs, as one text."""
    directory = str(context.relative_to(folder)) if context.is_relative_to(folder) else "."
    found: list[Suite] = []
    for look in (_python, _node, _ruby, _php, _go, _make):
        for kind, run, why in look(
            context, f"docker compose run --build --rm --no-deps --no-TTY {component}", in_image
        ):
            if kind not in {suite.kind for suite in found}:
                inside = run[0].startswith("docker compose")
                program = "" if inside else run[0].split()[0]
                lacking = program if program and not shutil.which(program) else ""
                found.append(
                    Suite(
                        kind,
                        re.sub(r"[^a-z0-9-]", "-", component.lower()),
                        run,
                        why,
                        "." if inside else directory,
                        lacking,
                    )
                )
    return found


def requirements(context: Path) -> str:
    """The text of the files that say which Python packages a component needs."""
    return "\n".join(_text(path) for form in _REQUIREMENTS for path in sorted(context.glob(form)))


def scripts(context: Path) -> dict[str, str]:
    """The scripts of a component's package.json."""
    return {name: str(command) for name, command in _part(context / "package.json", "scripts").items()}


def migrations(context: Path) -> Migrations | None:
    """How the migrations of the framework in a folder are run; None if there is none that is known."""
    if (context / "manage.py").is_file():
        return Migrations("Django", (("framework", "django"),))
    if (context / "alembic.ini").is_file():
        keys = (("pending", _ALEMBIC), ("apply", "alembic upgrade head"), ("reverse", "alembic downgrade -{count}"))
        return Migrations("Alembic", keys)
    if (context / "bin" / "rails").is_file() and (context / "db" / "migrate").is_dir():
        keys = (
            ("pending", _RAILS),
            ("apply", "bin/rails db:migrate"),
            ("reverse", "bin/rails db:rollback STEP={count}"),
        )
        return Migrations("Rails", keys)
    if (context / "artisan").is_file():
        apply = "php artisan migrate --force"
        return Migrations("Laravel", (("pending", _LARAVEL), ("apply", apply)))
    return None


def unknown_migrations(context: Path) -> str:
    """The framework of migrations whose commands only the project knows; empty if none is recognised."""
    signs = {"prisma/schema.prisma": "Prisma", "knexfile.js": "Knex", "drizzle.config.ts": "Drizzle"}
    return next((name for path, name in signs.items() if (context / path).is_file()), "")


def health(context: Path) -> tuple[str, str]:
    """The path of a health check in the sources, and `FILE:LINE` of it; empty if there is none."""
    for path in _sources(context):
        text = _text(path)
        pattern = _HEALTH
        if path.name == "urls.py" and (path.parent / "settings.py").is_file():
            pattern = _DJANGO_HEALTH
        if found := pattern.search(text):
            line = text.count("\n", 0, found.start()) + 1
            return f"/{found[1].lstrip('/')}", f"{path.relative_to(context)}:{line}"
    return "", ""


def answers_root(context: Path) -> bool:
    """Whether the sources have a route for `/` itself."""
    return any(_ROOT.search(_text(path)) for path in _sources(context))


def _python(context: Path, inside: str, in_image: str) -> Iterator[tuple[str, tuple[str, ...], str]]:
    known = requirements(context)
    for kind, program, command in (
        ("test", "pytest", "pytest"),
        ("lint", "ruff", "ruff check ."),
        ("lint", "flake8", "flake8"),
    ):
        if re.search(rf"\b{program}\b", known) or (program == "flake8" and (context / ".flake8").is_file()):
            if re.search(rf"\b{program}\b", in_image):
                yield kind, (f"{inside} {command}",), f"its image installs {program}"
            else:
                yield kind, (command,), f"{program} is named in its requirements"
    tests = [path for form in ("tests.py", "test_*.py") for path in context.glob(f"*/**/{form}")]
    if (context / "manage.py").is_file() and tests and not re.search(r"\bpytest\b", known):
        yield "test", (f"{inside.replace(' --no-deps', '')} python manage.py test",), "manage.py"


def _node(context: Path, _: str, __: str) -> Iterator[tuple[str, tuple[str, ...], str]]:
    found = scripts(context)
    first = () if (context / "node_modules").is_dir() else _installs(context)
    for kind in ("test", "lint"):
        command = found.get(kind, "")
        if command and _NO_TEST not in command:
            yield kind, (*first, f"npm run {kind}" if kind == "lint" else "npm test"), "scripts of package.json"


def _installs(context: Path) -> tuple[str, ...]:
    return ("npm ci",) if (context / "package-lock.json").is_file() else ()


def _ruby(context: Path, _: str, __: str) -> Iterator[tuple[str, tuple[str, ...], str]]:
    gems = _text(context / "Gemfile")
    if "rspec" in gems:
        yield "test", ("bundle exec rspec",), "Gemfile"
    elif (context / "bin" / "rails").is_file() and (context / "test").is_dir():
        yield "test", ("bin/rails test",), "bin/rails"
    if "rubocop" in gems:
        yield "lint", ("bundle exec rubocop",), "Gemfile"


def _php(context: Path, _: str, __: str) -> Iterator[tuple[str, tuple[str, ...], str]]:
    scripts, dev = _part(context / "composer.json", "scripts"), _part(context / "composer.json", "require-dev")
    if "test" in scripts:
        yield "test", ("composer run test",), "scripts of composer.json"
    elif "phpunit/phpunit" in dev:
        yield "test", ("vendor/bin/phpunit",), "composer.json"
    if "lint" in scripts:
        yield "lint", ("composer run lint",), "scripts of composer.json"
    elif "laravel/pint" in dev:
        yield "lint", ("vendor/bin/pint --test",), "composer.json"


def _go(context: Path, _: str, __: str) -> Iterator[tuple[str, tuple[str, ...], str]]:
    if (context / "go.mod").is_file():
        yield "test", ("go test ./...",), "go.mod"
        yield "lint", ("go vet ./...",), "go.mod"


def _make(context: Path, _: str, __: str) -> Iterator[tuple[str, tuple[str, ...], str]]:
    for kind in dict.fromkeys(_MAKE.findall(_text(context / "Makefile"))):
        yield kind, (f"make {kind}",), "Makefile"


def _sources(context: Path) -> Iterator[Path]:
    found = (path for form in _SOURCES for path in sorted(context.rglob(form)))
    ours = (path for path in found if not _SKIPPED.search(path.relative_to(context).as_posix()))
    for _, path in zip(range(_MOST_FILES), ours, strict=False):
        if path.is_file() and path.stat().st_size < _MOST_BYTES:
            yield path


def _part(path: Path, key: str) -> dict[str, Any]:
    """A mapping in a file of JSON; empty if there is none."""
    try:
        package = json.loads(_text(path) or "{}")
    except (ValueError, RecursionError):
        return {}
    part = package.get(key) if isinstance(package, dict) else None
    return part if isinstance(part, dict) else {}


def _text(path: Path) -> str:
    return path.read_text(errors="replace") if path.is_file() else ""
