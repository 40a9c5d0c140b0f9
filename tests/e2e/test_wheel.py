"""What `pip install tagship` gives, without the sources beside it, ships an application to the own engine."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hello import Hello

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")


@pytest.fixture
def alone(tmp_path: Path) -> Path:
    """The console command from the wheel, in an environment that has nothing else."""
    environment, built = tmp_path / "environment", tmp_path / "dist"
    run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", built)
    run(UV, "venv", "--quiet", "--python", sys.executable, environment)
    (wheel,) = built.glob("*.whl")
    run(UV, "pip", "install", "--quiet", "--python", environment / "bin/python", wheel)
    return environment / "bin/tagship"


@pytest.fixture
def local(hello: Hello) -> Iterator[Hello]:
    """An application that is shipped to the laptop's own engine, whose containers are removed afterwards."""
    edge = {**hello.settings["edge"], "http": 8080}
    here = {"local": {"engine": "local", "url": "http://localhost:8080", "edge": edge}}
    hello.settings = {key: value for key, value in hello.settings.items() if not key.startswith("registry")}
    hello.settings["environments"] = here
    yield hello
    for kind, remove in (("container", ("rm", "-fv")), ("volume", ("rm",)), ("network", ("rm",))):
        for label in (f"tagship.app={hello.name}", "tagship.edge"):
            every = ["-a"] if kind == "container" else []
            listed = hello.rig.laptop.run(["docker", kind, "ls", "-q", *every, "--filter", f"label={label}"])
            if found := listed.stdout.split():
                hello.rig.laptop.run(["docker", kind, *remove, *found], check=False)


def test_an_application_is_shipped_to_this_machine_by_what_the_wheel_holds(local: Hello, alone: Path) -> None:
    local.program = str(alone)
    sha = local.commit()

    shipped = local.ship("local")

    assert shipped["release"].startswith(f"{local.name}-local-{sha[:8]}")
    assert f"hello {sha}" in local.get("local")
    assert str(ROOT) not in run(alone.with_name("python"), "-c", "import tagship; print(tagship.__file__)")


def run(*argv: str | Path) -> str:
    """Run a program in the project's folder and return what it printed; the test fails with what it said."""
    done = subprocess.run([*map(str, argv)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
