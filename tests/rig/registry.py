"""Two image registries on the bridge's own address: one open, one that asks for a password."""

import base64
import contextlib
import http.client
import secrets
from pathlib import Path

from tests.rig import shell
from tests.rig.folder import Folder
from tests.rig.machine import Machine
from tests.rig.network import GATEWAY
from tests.rig.packages import remove

CONFIG = """\
version: 0.1
log: {{level: warn}}
storage:
  filesystem: {{rootdirectory: /var/lib/registry/{name}}}
  delete: {{enabled: true}}
http: {{addr: "{address}"}}
{auth}"""
AUTH = "auth: {htpasswd: {realm: rig, path: /etc/registry/htpasswd}}\n"
# bcrypt is the only hash that the registry takes; Perl reaches that of the C library.
HTPASSWD = """\
chomp(my ($user, $password) = <STDIN>);
my $salt = join "", map { ("a".."z", "A".."Z", 0..9)[rand 62] } 1..22;
print "$user:", crypt($password, '$2y$05$' . $salt), "\\n";
"""
KEPT = "base"  # the rig's own images; a test's are gone at the next start


class Registry:
    """One registry; username and password are empty where none are asked for."""

    def __init__(self, machine: Machine, name: str, port: int, password: str = "") -> None:
        self._machine = machine
        self.name = name
        self.port = port
        self.address = f"{GATEWAY}:{port}"
        self.url = f"http://{self.address}"
        self.username = "tagship" if password else ""
        self.password = password

    def configure(self) -> None:
        """Lay its configuration; before the machine boots."""
        auth = AUTH if self.username else ""
        text = CONFIG.format(name=self.name, address=self.address, auth=auth)
        self._machine.write(self._config.lstrip("/"), text)

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._machine.spawn(self.name, ["docker-registry", "serve", self._config])
        shell.wait_for(self.answers, f"the start of the registry {self.name}", seconds=10)

    def stop(self) -> None:
        """Stop it; what it holds stays."""
        self._machine.run(["pkill", "-f", f"^docker-registry serve {self._config}"])
        shell.wait_for(lambda: not self.answers(), f"the stop of the registry {self.name}", seconds=10)

    def answers(self) -> bool:
        """Whether it takes requests."""
        try:
            return self.status("GET", "/v2/") == http.client.OK
        except OSError:
            return False

    def status(self, method: str, path: str, *, accept: str = "*/*") -> int:
        """Make one request and return the reply's status."""
        token = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        headers = {"Accept": accept, **({"Authorization": f"Basic {token}"} if self.username else {})}
        with contextlib.closing(http.client.HTTPConnection(GATEWAY, self.port, timeout=10)) as line:
            line.request(method, path, headers=headers)
            return line.getresponse().status

    def forget(self, store: Path) -> None:
        """Drop what tests pushed; only while it is stopped."""
        repositories = store / self.name / "docker/registry/v2/repositories"
        spare = [path for path in repositories.glob("*") if path.name != KEPT]
        for path in spare:
            remove(path)
        if spare:
            self._machine.run(["docker-registry", "garbage-collect", self._config])

    @property
    def _config(self) -> str:
        return f"/etc/registry/{self.name}.yml"


class Registries:
    """Both, as processes of one machine that shares this machine's network."""

    def __init__(self, folder: Folder) -> None:
        self._store = folder.cache / "registry"
        self._store.mkdir(parents=True, exist_ok=True)
        binds = {self._store: "/var/lib/registry"}
        self.machine = Machine(folder, "registry", binds=binds, network=False)
        self.open = Registry(self.machine, "open", 5000)
        self.private = Registry(self.machine, "private", 5001, _password(folder))

    def start(self) -> None:
        """Boot the machine and wait until both answer."""
        both = (self.open, self.private)
        self.machine.prepare()
        for registry in both:
            registry.configure()
        self.machine.boot()
        account = f"{self.private.username}\n{self.private.password}"
        hashed = self.machine.run(["perl", "-e", HTPASSWD], stdin=account)
        self.machine.run(["tee", "/etc/registry/htpasswd"], stdin=hashed)
        for registry in both:
            registry.forget(self._store)
            registry.start()


def _password(folder: Folder) -> str:
    """Make it once, so that a second process that uses a running rig knows it too."""
    path = folder.cache / "registry-password"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(18))
    return path.read_text()
