"""An application with a staging and a production environment on one host, shipped by the action."""

import itertools
import shutil
import socket
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tagship.github import workflows as starters
from tagship.project import file as config_file
from tests.action import github as fake
from tests.action.act import Act
from tests.hello import Hello
from tests.rig import Rig

_NUMBERS = itertools.count(1)


class Acted(Hello):
    """Pushes to `staging` and `main` go to environments of their own names; production wants approval."""

    def __init__(self, rig: Rig, folder: Path, name: str) -> None:
        super().__init__(rig, folder, name)
        host = rig.hosts[-1]
        number = struct.unpack("!I", socket.inet_aton(host.address))[0]
        common = {"engine": host.ssh_url}
        # spellings of one address, octal with more and more zeros: the edge tells apps apart by the name in the URL
        zeros = "0" * 2 * int(name.removeprefix("acted"))
        self.settings["environments"] = {
            "staging": {**common, "branch": "staging", "url": f"http://{zeros}{number:o}"},
            "production": {**common, "branch": "main", "url": f"http://0{zeros}{number:o}", "approval": "required"},
        }
        self.settings["secret-scan"] = {"when": "never"}  # it costs each run some seconds
        self.settings["test"] = {"web": {"run": "python3 test_web.py"}}
        (folder / "test_web.py").write_text('print("fine")\n')
        self.git("remote", "add", "origin", "https://github.com/o/r.git")

    def serves(self, environment: str, sha: str) -> bool:
        """Whether that commit answers; before the first deploy the edge or nobody does."""
        try:
            return sha in self.get_at(f"{self.settings['environments'][environment]['url']}/")
        except subprocess.CalledProcessError:
            return False

    def remove(self) -> None:
        """Remove what the application left on its host, locks of others excepted."""
        host = self.rig.hosts[-1]
        locks = host.docker("ps", "-aq", "--filter", f"name=tagship-lock-{self.name}-").split()
        found = host.docker("ps", "-aq", "--filter", f"label=tagship.app={self.name}").split()
        if found + locks:
            host.docker("rm", "-fv", *found, *locks)
        for kind in ("volume", "network"):
            left = host.docker(kind, "ls", "-q", "--filter", f"label=tagship.app={self.name}").split()
            if left:
                host.docker(kind, "rm", *left)


def starter(app: Acted, name: str = "deploy") -> str:
    """A workflow of that application, as `tagship github.workflows` writes it."""
    action = starters.Action(f"OWNER/tagship@{'0' * 40}", "v0.1.0")
    files = starters.render(config_file.load(app.folder / "tagship.yml"), action)
    return files[f".github/workflows/{name}.yml"]


@pytest.fixture
def app(rig: Rig, tmp_path: Path) -> Iterator[Acted]:
    """The application, not yet committed."""
    made = Acted(rig, tmp_path / "app", f"acted{next(_NUMBERS)}")
    yield made
    made.remove()


@pytest.fixture
def act(rig: Rig, tmp_path: Path) -> Act:
    """act, with uv on the runner's PATH where this machine has it: set-up is quicker."""
    folder = tmp_path / "act"
    folder.mkdir()
    made = Act(rig, folder)
    if uv := shutil.which("uv"):
        made.provide("uv", Path(uv))
    return made


@pytest.fixture
def github(rig: Rig) -> Iterator[fake.GitHub]:
    """A GitHub that the laptop reaches."""
    with fake.serve(rig.registry.address.partition(":")[0]) as served:
        yield served
