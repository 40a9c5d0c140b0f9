"""`completion`: lets a shell complete tasks, options, environments and commits."""

import contextlib
import inspect
import subprocess
from collections.abc import Iterator, Sequence
from typing import Any

from invoke.collection import Collection
from invoke.context import Context

from tagship.commands.task import task
from tagship.errors import UsageError

CANDIDATES = "--candidates"
"""The hidden option with which a shell asks: the words typed so far follow it, the last one unfinished."""
_ENVIRONMENTS = frozenset({"--env", "--of"})
_COMMITS = frozenset({"--sha", "--to"})
_NEWEST = 30

SCRIPTS = {
    "bash": """\
_tagship() {
  local IFS=$'\\n'
  local found
  found=$(tagship --candidates "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f1)
  COMPREPLY=($(compgen -W "$found" -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _tagship tagship
""",
    "zsh": """\
#compdef tagship
_tagship() {
  local -a found
  local line
  for line in "${(@f)$(tagship --candidates "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    [[ -n $line ]] && found+=("${${line%%$'\\t'*}//:/\\\\:}:${line#*$'\\t'}")
  done
  _describe tagship found
}
compdef _tagship tagship
""",
    "fish": """\
complete -c tagship -f -a '(tagship --candidates (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)'
""",
}


@task(changes=False, help={"shell": "bash, zsh or fish; required."})
def completion(_: Context, shell: str = "") -> None:
    """Print a script for your shell's completion.

    Completes tasks, options, environments and commits. For bash, add `source <(tagship completion --shell bash)` to
    ~/.bashrc; for zsh the same to ~/.zshrc, after compinit; for fish, write it to
    ~/.config/fish/completions/tagship.fish.
    """
    if shell not in SCRIPTS:
        raise UsageError(f"{shell or 'No shell'} is not known.", hint=f"pass --shell {', '.join(SCRIPTS)}")
    print(SCRIPTS[shell], end="")


def candidates(words: Sequence[str], tasks: Collection) -> Iterator[str]:
    """What may stand in place of the last word, each with a description behind a tab."""
    *before, unfinished = words or [""]
    last = before[-1] if before else ""
    named = next((word for word in reversed(before) if word in tasks.task_names), "")
    if last in _ENVIRONMENTS:
        found = _environments()
    elif last in _COMMITS:
        found = _commits()
    elif named and unfinished.startswith("-"):
        found = _options(tasks[named])
    else:
        found = ((name, _first(tasks[name])) for name in sorted(tasks.task_names))
    yield from (f"{word}\t{told}" for word, told in found if word.startswith(unfinished))


def _first(of: object) -> str:
    return (inspect.getdoc(of) or "").partition("\n")[0].rstrip(".")


def _options(of: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - Invoke's task
    for argument in of.get_arguments():
        yield f"--{argument.name.strip('_').replace('_', '-')}", str(argument.help or "").partition(". ")[0]


def _environments() -> Iterator[tuple[str, str]]:
    """Read tagship.yml without its schema, which takes longer than one wants to wait for a word."""
    import yaml

    from tagship.project import here

    with contextlib.suppress(OSError, ValueError, yaml.YAMLError, AttributeError):
        known = yaml.load(here.config_path().read_text(), Loader=yaml.CSafeLoader)["environments"]
        yield from ((str(name), str((settings or {}).get("url", ""))) for name, settings in known.items())


def _commits() -> Iterator[tuple[str, str]]:
    argv = ["git", "log", f"--max-count={_NEWEST}", "--abbrev=8", "--format=%h%x09%s"]
    done = subprocess.run(argv, capture_output=True, text=True, errors="replace", check=False)
    for line in done.stdout.splitlines():
        sha, _, subject = line.partition("\t")
        yield sha, subject
