"""`init`: a project's first files for Tagship."""

from __future__ import annotations

import difflib
import sys
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.context import Context

from tagship.commands.task import task
from tagship.errors import ConfigError

if TYPE_CHECKING:
    from tagship.setup.draft import Change
    from tagship.setup.init import Answers, Proposal


@task(
    help={
        "yes": "Ask nothing; take the default of every question.",
        "diff": "Print the files that it would write, and write none.",
        "dry-run": "Print what it found and which files it would write, and write none.",
    },
)
def init(_: Context, yes: bool = False, diff: bool = False, dry_run: bool = False) -> None:
    """Write the first files, from a Compose file.

    Reads the current folder's Compose file, or only its Dockerfile. Writes tagship.yml, tasks.py and an overlay with
    what a server needs differently. Says why, what it guessed, and what is left to fill in. Overwrites no file.
    """
    from tagship.project import here
    from tagship.setup import init as setup

    folder = here.current()
    if not (diff or dry_run):
        _refuse_existing(folder, ("tagship.yml", setup.OVERLAY))
    answers = setup.Answers(setup.default_name(folder))
    if not yes and sys.stdin.isatty() and sys.stdout.isatty():
        answers = _ask(answers)
    proposal = setup.propose(folder, answers)
    existing = {name for name in proposal.files if (folder / name).exists()}
    if diff:
        sys.stdout.writelines(_diff(folder, proposal.files))
        return
    _say(proposal)
    if dry_run:
        print(f"\nWould write {', '.join(sorted(proposal.files.keys() - existing))}.")
        return
    kept = existing - {"tagship.yml", setup.OVERLAY}
    for name in proposal.files.keys() - kept:
        with (folder / name).open("x") as file:
            file.write(proposal.files[name])
    print(f"\nWrote {', '.join(sorted(proposal.files.keys() - kept))}.")
    if kept:
        print(f"Left as they are: {', '.join(sorted(kept))}; `tagship init --diff` shows what init would write.")


def _refuse_existing(folder: Path, names: Iterable[str]) -> None:
    """Raises ConfigError if one of the files is there."""
    if there := [name for name in names if (folder / name).exists()]:
        raise ConfigError(
            f"{' and '.join(there)} already exist{'s' if len(there) == 1 else ''}, and init overwrites nothing.",
            hint="see `tagship init --diff`, or remove it first",
        )


def _ask(answers: Answers) -> Answers:
    """Three questions; Enter takes the default."""
    from dataclasses import replace

    from tagship.names import Place

    while True:
        app = input(f"Name of the application [{answers.app}]: ").strip() or answers.app
        try:
            Place(app, "local")
            break
        except ConfigError as error:
            print(error)
    staging = input(f"Host name of staging [{answers.staging}]: ").strip() or answers.staging
    production = input(f"Host name of production [{answers.production}]: ").strip() or answers.production
    return replace(answers, app=app, staging=_host(staging), production=_host(production))


def _host(text: str) -> str:
    return text.partition("://")[2].partition("/")[0] if "://" in text else text.partition("/")[0]


def _diff(folder: Path, files: dict[str, str]) -> Iterator[str]:
    for name, text in files.items():
        path = folder / name
        before = path.read_text() if path.exists() else ""
        old = name if path.exists() else "/dev/null"
        yield from difflib.unified_diff(before.splitlines(True), text.splitlines(True), old, name)  # noqa: FBT003 - keeps ends


def _say(proposal: Proposal) -> None:
    print(proposal.read)
    if proposal.changes:
        print("\nWhat a deploy needs differently, and why:")
        for service in dict.fromkeys(change.service for change in proposal.changes):
            print(f"  {service}")
            for change in proposal.changes:
                if change.service == service:
                    _item("  -", _told(change))
    if proposal.guesses:
        print("\nFound or guessed; check it:")
        for line in proposal.guesses:
            _item("-", line)
    print("\nLeft for you, in this order:")
    for at, line in enumerate(proposal.todo, 1):
        _item(f"{at}.", line)


def _told(change: Change) -> str:
    where = f" ({change.at})" if change.at else ""
    return f"{change.key}{where}: {change.why}"


def _item(mark: str, text: str) -> None:
    from tagship.reporting import table

    indent = " " * (len(mark) + 3)
    print("\n".join(textwrap.wrap(text, table.width(), initial_indent=f"  {mark} ", subsequent_indent=indent,
                                  break_on_hyphens=False, break_long_words=False)))  # fmt: skip
