"""`--list`, `--help` and mistyped tasks import none of the tasks' code: counted in modules, not in time."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tagship import commands

MODULES = """
import json, sys
{started}
bare = set(sys.modules)
{does}
print(json.dumps(sorted(set(sys.modules) - bare)))
"""
INVOKE = "import invoke.main, invoke.parser, invoke.loader"
TYPED = """
import contextlib, io
from tagship import cli
sys.argv = ["tagship", *{argv}]
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    cli.main()
"""
MOST = 38
"""Modules that Tagship adds to Invoke's own; a new module of tasks is one more."""


def imported(does: str, folder: Path) -> list[str]:
    """The modules that a fresh Python imports for something, beyond Invoke's."""
    code = MODULES.format(started=INVOKE, does=does)
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=folder)
    return [str(name) for name in json.loads(ran.stdout)]


def test_a_tasks_py_imports_the_modules_of_tasks_and_nothing_that_they_run(tmp_path: Path) -> None:
    modules = imported("from tagship import namespace", tmp_path)

    files = [name for name in modules if name not in sys.builtin_module_names]
    heavy = [name for name in files if not name.startswith(("tagship.commands", "__future__"))]
    assert heavy == ["tagship", "tagship.errors"]
    assert len(files) <= MOST


@pytest.mark.parametrize("argv", [[], ["--list"], ["--help"], ["deploy", "--help"], ["--version"]], ids=str)
def test_what_only_prints_loads_no_library_but_invoke(argv: list[str], tmp_path: Path) -> None:
    modules = imported(TYPED.format(argv=argv), tmp_path)

    assert {name.partition(".")[0] for name in modules} & {"pydantic", "yaml", "rich", "docker", "requests"} == set()
    assert {"ssl", "http", "socket"} & set(modules) == set()


def test_a_task_that_reaches_no_server_loads_nothing_of_one(tmp_path: Path) -> None:
    (tmp_path / "tagship.yml").write_text(
        'app: shop\nenvironments: {local: {engine: local, url: "http://x.localhost"}}\n'
    )

    modules = imported(TYPED.format(argv=["lint"]), tmp_path)

    assert [name for name in modules if name.startswith(("tagship.server", "tagship.engine", "tagship.images"))] == []


def test_what_needs_no_backups_runs_without_their_packages(tmp_path: Path) -> None:
    modules = imported("import tagship.commands.previewing, tagship.server.entries", tmp_path)

    assert "tagship.backups.encryption" not in modules


CONNECTING = """
import time
from types import SimpleNamespace
from tagship.server import connection
with connection.connect(SimpleNamespace(engine="ssh://deploy@nowhere.example", registry="")):
    until = time.monotonic() + 30
    while "docker.api.client" not in sys.modules and time.monotonic() < until:
        time.sleep(0.01)
"""


def test_dockers_client_is_loaded_while_ssh_connects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ssh = tmp_path / "ssh"
    ssh.write_text("#!/bin/sh\nexec sleep 60\n")
    ssh.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    assert "docker.api.client" in imported(CONNECTING, tmp_path)


OF_BACKUPS = ("backup", "drill", "pitr", "recording", "report", "restore", "orders_back")
"""What the names of the modules of tasks begin with that need the packages of `tagship[backups]`."""
WITHOUT = """
import importlib, sys
sys.modules["pyrage"] = sys.modules["boto3"] = None
for name in {names}:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        assert error.name == name  # it is a name in a module
"""


def _imports(module: Path) -> set[str]:
    """The modules of ours that a module imports, at its top or in a function; also names of these modules' contents."""
    found = [each for each in ast.walk(ast.parse(module.read_text())) if isinstance(each, ast.ImportFrom)]
    named = {(each.module or "", name.name) for each in found for name in each.names}
    return {name for module, what in named if module.startswith("tagship") for name in (module, f"{module}.{what}")}


def test_what_has_nothing_to_do_with_backups_needs_none_of_their_packages(tmp_path: Path) -> None:
    tasks = [each for each in Path(commands.__path__[0]).glob("*.py") if not each.name.startswith(OF_BACKUPS)]
    names = sorted(set().union(*map(_imports, tasks)) - {"tagship.commands.backup_inputs"})
    names = [name for name in names if not name.startswith("tagship.commands.backup")]

    code = WITHOUT.format(names=names)

    assert {"tagship.commands.removal", "tagship.server.removal"} <= set(names)
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
