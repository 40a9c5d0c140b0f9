"""A browser: Chromium without a window, on a machine of its own."""

import subprocess

from tests.rig.folder import Folder
from tests.rig.machine import Machine
from tests.rig.network import Network, address
from tests.rig.packages import Packages

ADDRESS = address(4)
# Without a sandbox, for it runs as root; and it calls nobody but the page.
QUIETLY = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--user-data-dir=/tmp/profile",
)  # fmt: skip


class Browser:
    """Opens pages as a person's would."""

    def __init__(self, folder: Folder, network: Network, packages: Packages) -> None:
        self._network = network
        self._packages = packages
        self.machine = Machine(folder, "browser")

    def start(self) -> None:
        """Boot its machine, unless it runs."""
        if self.machine.alive():
            return
        self.machine.layers = (self._packages.layer("browser", "chromium"),)
        self.machine.prepare()
        self.machine.boot()
        self._network.attach(self.machine, ADDRESS)

    def open(self, url: str, *, seconds: float = 5) -> str:
        """Give a page's content once its own clock has gone on for so long; it waits for what the page fetches."""
        argv = ["chromium", *QUIETLY, f"--virtual-time-budget={seconds * 1000:.0f}", "--dump-dom", url]
        done = subprocess.run(
            self.machine.command(argv), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, timeout=90
        )
        return done.stdout
