"""The environment's files on the server, in the edge's volume: what is live, its record, the ledger, the keys."""

from dataclasses import dataclass, field

from tagship.edge import routes
from tagship.edge.admin import SERVED, answered, application, asking
from tagship.edge.shell import Shell, encoded, quote, replace_file
from tagship.names import Place

_CADDY = "/tmp/tagship-caddy-version"  # noqa: S108 - in the edge's container, where nobody else is


_SEPARATOR = "\036"

LEDGER_LINES = 200
"""How much of the ledger a deploy looks at: enough to find the releases it may roll back to."""


@dataclass(frozen=True)
class Files:
    """What the edge's volume says of one environment."""

    live: str
    record: bytes
    """What is kept of the live release; empty when there is none."""
    key: bytes
    """What configurations are hashed with; empty before the first deploy."""
    ledger: tuple[str, ...]
    disk_free: int
    """Bytes free where the engine keeps volumes."""
    memory_free: int
    """Bytes that new processes may take without swapping: Linux's MemAvailable."""
    caddy: str = ""
    """What `caddy version` says."""
    http: routes.Json = field(default_factory=dict)
    """Caddy's configuration of what it serves, all environments'; empty where it doesn't say."""


class State:
    """One environment's files, read and replaced by the edge's shell."""

    def __init__(self, shell: Shell, place: Place) -> None:
        self.place = place
        self._shell = shell
        self._http: routes.Json = {}
        """What Caddy serves, as last read."""
        self._folder = f"{routes.STATE}/{place}"

    def read(self, *, prepare: bool = False) -> Files:
        """Everything a deploy needs to know, in one round trip; with `prepare`, the folder is made first."""
        folder = quote(self._folder)
        parts = [
            f"cat {folder}/live 2>/dev/null",
            f'cat {folder}/releases/"$(cat {folder}/live 2>/dev/null)".json 2>/dev/null',
            f"cat {folder}/configuration-key 2>/dev/null",
            f"tail -n {LEDGER_LINES} {folder}/ledger.jsonl 2>/dev/null",
            f"df -Pk {routes.STATE} | tail -n 1",
            "grep MemAvailable /proc/meminfo",
            f"{asking('GET', SERVED)} || true",
            # once for each container: the program takes a while to start
            f"[ -s {_CADDY} ] || caddy version > {_CADDY} 2>/dev/null; cat {_CADDY} 2>/dev/null",
        ]
        script = "\n".join(f"{part}; printf '{_SEPARATOR}'" for part in parts)
        said = (
            self._shell.run(f"{_made(folder)}\n{script}" if prepare else script)
            .decode(errors="replace")
            .split(_SEPARATOR)
        )
        live, record, key, ledger, disk, memory, served, caddy = said[:8]
        self._http = application(answered(served.encode()))
        return Files(
            live=live.strip(),
            record=record.encode(),
            key=key.strip().encode(),
            ledger=tuple(ledger.splitlines()),
            disk_free=int(disk.split()[3]) * 1024,
            memory_free=int(memory.split()[1]) * 1024,
            caddy=caddy.strip(),
            http=self._http,
        )

    def offer(self, release: str, key: str) -> None:
        """Let requests that bear the key in the candidate header reach a release."""
        script = f"{replace_file(f'{self._folder}/candidate', release.encode())}\n"
        self._shell.run(f"{script}{replace_file(f'{self._folder}/key', key.encode())}")

    def switch(self, release: str) -> None:
        """The cutover: from the next request on, this release answers."""
        self._shell.run(replace_file(f"{self._folder}/live", release.encode()))

    def keep(self, release: str, record: bytes) -> None:
        """Keep a release's record beside the ledger."""
        self._shell.run(replace_file(f"{self._folder}/releases/{release}.json", record))

    def append(self, line: str) -> None:
        """Add a line to the ledger; one that was cut short before it is ended first, or the two would be one."""
        file, whole = quote(f"{self._folder}/ledger.jsonl"), f"{line}\n".encode()
        self._shell.run(f'[ -z "$(tail -c 1 {file} 2>/dev/null)" ] || echo >> {file}\n{encoded(whole)} >> {file}')

    def lines(self) -> tuple[str, ...]:
        """The whole ledger."""
        said = self._shell.run(f"cat {quote(f'{self._folder}/ledger.jsonl')} 2>/dev/null || true")
        return tuple(said.decode(errors="replace").splitlines())

    def record(self, release: str) -> bytes:
        """What was kept of a release; empty when nothing was."""
        return self._shell.run(f"cat {quote(f'{self._folder}/releases/{release}.json')} 2>/dev/null || true")

    def close(self) -> None:
        """End the shell."""
        self._shell.close()


def _made(folder: str) -> str:
    """Script that makes an environment's folder and its keys, once."""
    return (
        f"mkdir -p {folder}/releases && chmod 700 {folder}\n"
        f"[ -s {routes.CONNECTION_FILE} ] || printf keep-alive > {routes.CONNECTION_FILE}\n"
        f"{_key(f'{folder}/configuration-key')}\n{_key(f'{folder}/key')}"
    )


def _key(path: str) -> str:
    """Script that makes a random key, whole or not at all, unless there is one."""
    return f"[ -s {path} ] || {{ head -c 32 /dev/urandom | base64 > {path}.new && mv -f {path}.new {path}; }}"
