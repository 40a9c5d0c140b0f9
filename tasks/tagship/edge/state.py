"""Reads and writes an environment's files in the edge's volume: the live release, its record, the ledger, the keys."""

from dataclasses import dataclass, field

from tagship.edge import canary, routes
from tagship.edge.admin import SERVED, answered, application, asking
from tagship.edge.kept_assets import FOLDER
from tagship.edge.shell import Shell, encoded, quote, replace_file
from tagship.errors import EngineError
from tagship.names import MAINTENANCE, Place

_CADDY = "/tmp/tagship-caddy-version"  # noqa: S108 - in the edge's container, which has no other users


_PREVIEW = "preview"
"""The file that only the environment of a preview has."""
_SEPARATOR = "\036"

WAITS = "waits"
ACCEPTED, REJECTED = "accepted", "rejected"
"""What an environment's file `hold` says of the candidate."""
ASSET_DAYS = 7
"""How long the assets of a replaced release are kept; find's `+6` means seven days or more."""
LEDGER_LINES = 200
"""How many lines of the ledger a deploy reads: enough to find the releases for a rollback."""


@dataclass(frozen=True)
class Files:
    """An environment's files in the edge's volume, and facts about the server."""

    live: str
    record: bytes
    """The live release's record; empty if there is none."""
    key: bytes
    """The key for hashing configurations; empty before the first deploy."""
    ledger: tuple[str, ...]
    disk_free: int
    """Free bytes where the engine keeps volumes."""
    memory_free: int
    """Bytes that new processes can use without swapping: Linux's MemAvailable."""
    caddy: str = ""
    """The output of `caddy version`."""
    http: routes.Json = field(default_factory=dict)
    """Caddy's HTTP configuration, of all environments; empty if unknown."""
    closed: bool = False
    """Whether the environment's switch for maintenance is on."""
    canary: tuple[str, ...] = ()
    """The candidate of a canary, its share as in the file, and `on` if that lasts; empty if there is none."""


class State:
    """An environment's files, read and replaced through the edge's shell."""

    def __init__(self, shell: Shell, place: Place) -> None:
        self.place = place
        self._shell = shell
        self._http: routes.Json = {}
        """Caddy's HTTP configuration, as last read."""
        self._folder = f"{routes.STATE}/{place}"

    @property
    def http(self) -> routes.Json:
        """Caddy's HTTP configuration, as last read."""
        return self._http

    def read(self, *, prepare: bool = False) -> Files:
        """Read everything that a deploy needs, in one round trip; with `prepare`, create the folder first."""
        folder = quote(self._folder)
        parts = [
            f"cat {folder}/live 2>/dev/null",
            f'cat {folder}/releases/"$(cat {folder}/live 2>/dev/null)".json 2>/dev/null',
            f"cat {folder}/configuration-key 2>/dev/null",
            f"tail -n {LEDGER_LINES} {folder}/ledger.jsonl 2>/dev/null",
            f"df -Pk {routes.STATE} | tail -n 1",
            "grep MemAvailable /proc/meminfo",
            f"{asking('GET', SERVED)} || true",
            # once per container, because the program starts slowly
            f"[ -s {_CADDY} ] || caddy version > {_CADDY} 2>/dev/null; cat {_CADDY} 2>/dev/null",
            f"cat {folder}/{MAINTENANCE} 2>/dev/null",
            canary.reading(folder),
        ]
        script = "\n".join(f"{part}; printf '{_SEPARATOR}'" for part in parts)
        fields = (
            self._shell.run(f"{_made(folder)}\n{script}" if prepare else script)
            .decode(errors="replace")
            .split(_SEPARATOR)
        )
        try:
            live, record, key, ledger, disk, memory, served, caddy, closed, sharing = fields[:10]
            disk_free, memory_free = int(disk.split()[3]) * 1024, int(memory.split()[1]) * 1024
        except (ValueError, IndexError):
            raise EngineError(
                "The edge's state can't be parsed.", hint="run `docker logs tagship-edge` on the server"
            ) from None
        self._http = application(answered(served.encode()))
        return Files(
            live=live.strip(),
            record=record.encode(),
            key=key.strip().encode(),
            ledger=tuple(ledger.splitlines()),
            disk_free=disk_free,
            memory_free=memory_free,
            caddy=caddy.strip(),
            http=self._http,
            closed=closed.strip() == "on",
            canary=tuple(sharing.split()),
        )

    def offer(self, release: str, key: str) -> None:
        """Let requests with this key in the candidate header reach a release. No earlier candidate waits any more."""
        former = quote(f"{self._folder}/hold")
        files = {"candidate": release, "key": key}
        written = (replace_file(f"{self._folder}/{name}", text.encode()) for name, text in files.items())
        self._shell.run(" && ".join((f"rm -f {former}", *written)))

    def hold(self) -> None:
        """Say that a candidate waits for a person's decision."""
        self._shell.run(replace_file(f"{self._folder}/hold", WAITS.encode()))

    def decision(self) -> str:
        """`waits`, or what a person decided, `accepted` or `rejected`; empty if no candidate waits."""
        return self._shell.run(f"cat {quote(f'{self._folder}/hold')} 2>/dev/null || true").decode().strip()

    def decide(self, decision: str) -> bool:
        """Decide what becomes of the candidate that waits. Returns False if none does any more."""
        file = quote(f"{self._folder}/hold")
        replaced = replace_file(f"{self._folder}/hold", decision.encode())
        waits = f'[ "$(cat {file} 2>/dev/null)" = {WAITS} ]'
        return self._shell.run(f"if {waits}; then {replaced}; echo yes; fi") == b"yes\n"

    def waiting(self) -> tuple[str, str]:
        """The candidate that waits for a decision, and its key; two empty texts if none does."""
        folder = quote(self._folder)
        waits = f'[ "$(cat {folder}/hold 2>/dev/null)" = {WAITS} ]'
        text = self._shell.run(f"if {waits}; then cat {folder}/candidate; echo; cat {folder}/key; fi").decode()
        release, _, key = text.partition("\n")
        return release, key.strip()

    def end_hold(self, key: str) -> str:
        """No candidate waits any more; links and cookies with another key than this are void.

        Returns the last decision, which may have come after the last look.
        """
        hold = f"{self._folder}/hold"
        last = f"mv -f {quote(hold)} {quote(hold)}.last; cat {quote(hold)}.last; rm -f {quote(hold)}.last"
        void = replace_file(f"{self._folder}/key", key.encode())
        return self._shell.run(f"{void} && {{ {last}; }}").decode().strip()

    def begin_canary(self, name: str, percent: float) -> None:
        """Send a share of all visitors to the candidate, with cookies of this name, and say that it waits."""
        share = replace_file(f"{self._folder}/{canary.SHARE}", canary.threshold(percent).encode())
        on = replace_file(f"{self._folder}/{canary.FILE}", name.encode())
        waits = replace_file(f"{self._folder}/hold", WAITS.encode())
        self._shell.run(" && ".join((waits, share, canary.renewing(quote(self._folder)), on)))

    def renew_canary(self) -> str:
        """Let the canary last on for a while. Returns the same as `decision`."""
        decision = f"{{ cat {quote(f'{self._folder}/hold')} 2>/dev/null || true; }}"
        return self._shell.run(f"{canary.renewing(quote(self._folder))} && {decision}").decode().strip()

    def end_canary(self) -> None:
        """From the next request on, all visitors reach the live release.

        So do those who wait for a candidate that doesn't answer: the edge tries again whatever that file names then.
        """
        live, candidate = (quote(f"{self._folder}/{name}") for name in ("live", "candidate"))
        instead = f"cp {live} {candidate}.new && mv -f {candidate}.new {candidate}"
        self._shell.run(f"{self._no_canary} && if [ -s {live} ]; then {instead}; fi")

    @property
    def _no_canary(self) -> str:
        return replace_file(f"{self._folder}/{canary.FILE}", canary.OFF.encode())

    def switch(self, release: str) -> None:
        """Cut over: from the next request on, this release answers everyone."""
        self._shell.run(f"{replace_file(f'{self._folder}/live', release.encode())} && {self._no_canary}")

    def renew(self) -> None:
        """From the next request on, use new connections to the live release's containers, none that is kept."""
        pool = quote(f"{self._folder}/{routes.POOL}")
        self._shell.run(
            f"if [ -s {pool} ]; then : > {pool}.new; else printf . > {pool}.new; fi; mv -f {pool}.new {pool}"
        )

    def keeps_assets(self, release: str, live: str) -> bool:
        """Whether a release's assets are here; otherwise make a folder for them. Removes those of older releases.

        Those of `live` stay for a week from now on, as it is about to be replaced.
        """
        folder, ours, old = quote(self._assets), quote(release), quote(live or release)
        return (
            self._shell.run(
                f"mkdir -p {folder} && cd {folder} && rm -rf -- *.part; touch -c -- {ours} {old}\n"
                f"find . -mindepth 1 -maxdepth 1 -mtime +{ASSET_DAYS - 1} -exec rm -rf {{}} +\n"
                f"if [ -d {ours} ]; then echo yes; else mkdir -- {ours}.part; fi"
            )
            == b"yes\n"
        )

    def incoming_assets(self, release: str) -> str:
        """The folder that a release's assets are copied to."""
        return f"{self._assets}/{release}.part"

    def take_assets(self, release: str, live: str) -> None:
        """Keep what was copied; a file that is the same in `live` takes no space a second time."""
        folder, ours, old = quote(self._assets), quote(release), quote(live)
        same = f'cmp -s -- "$each" "../{old}/$each" 2>/dev/null && ln -f -- "../{old}/$each" "$each"'
        self._shell.run(
            f"cd {folder}/{ours}.part && find . -type f | while IFS= read -r each; do {same}; done; "
            f"cd .. && mv -- {ours}.part {ours}"
        )

    @property
    def _assets(self) -> str:
        return f"{self._folder}/{FOLDER}"

    def close_site(self, page: bytes) -> None:
        """From the next request on, visitors get this page and the status 503."""
        shown = replace_file(f"{self._folder}/{routes.PAGE}", page)
        self._shell.run(f"{shown}\n{replace_file(f'{self._folder}/{MAINTENANCE}', b'on')}")

    def open_site(self) -> None:
        """From the next request on, visitors reach the live release again."""
        self._shell.run(replace_file(f"{self._folder}/{MAINTENANCE}", b"off"))

    @property
    def closed(self) -> bool:
        """Whether the switch for maintenance is on now."""
        return self._shell.run(f"cat {quote(f'{self._folder}/{MAINTENANCE}')} 2>/dev/null || true").strip() == b"on"

    def keep(self, release: str, record: bytes) -> None:
        """Store a release's record."""
        self._shell.run(replace_file(f"{self._folder}/releases/{release}.json", record))

    def append(self, line: str, after: str | None) -> str | None:
        """Append a line to the ledger if its last line is `after`: empty for none, None for any.

        Otherwise returns that last line. If it was truncated, it is ended first, so that they don't merge.
        """
        file, whole = quote(f"{self._folder}/ledger.jsonl"), f"{line}\n".encode()
        same = "true" if after is None else f'[ "$last" = "$({encoded(after.encode())})" ]'
        script = (
            f"last=$(tail -n 1 {file} 2>/dev/null)\nif {same}; then\n"
            f'[ -z "$(tail -c 1 {file} 2>/dev/null)" ] || echo >> {file}\n{encoded(whole)} >> {file}\n'
            "else printf '%s\\n' \"$last\"; fi"
        )
        other = self._shell.run(script)
        return other.decode(errors="replace").removesuffix("\n") if other else None

    def lines(self) -> tuple[str, ...]:
        """The whole ledger."""
        text = self._shell.run(f"cat {quote(f'{self._folder}/ledger.jsonl')} 2>/dev/null || true")
        return tuple(text.decode(errors="replace").splitlines())

    def record(self, release: str) -> bytes:
        """A release's record; empty if there is none."""
        return self._shell.run(f"cat {quote(f'{self._folder}/releases/{release}.json')} 2>/dev/null || true")

    def records(self) -> tuple[bool, tuple[bytes, ...]]:
        """Whether there is anything of this environment, and the records of all its releases."""
        folder = quote(self._folder)
        each = f"for each in {folder}/releases/*.json; do cat \"$each\" 2>/dev/null; printf '{_SEPARATOR}'; done"
        there, _, kept = self._shell.run(f"[ -d {folder} ] && echo yes; echo; {each}").partition(b"\n")
        return there == b"yes", tuple(record.strip() for record in kept.split(_SEPARATOR.encode()) if record.strip())

    def mark_preview(self) -> None:
        """Say that `preview.up` made this environment."""
        self._shell.run(f": > {quote(f'{self._folder}/{_PREVIEW}')}")

    def neighbours(self, prefix: str) -> list[tuple[str, float, str, bool, tuple[str, ...]]]:
        """Other environments whose APP-ENV begins so: name, when its files changed, live release, whether a preview.

        And its ledger. The time is in seconds since the epoch.
        """
        each = (
            f'printf \'%s\n%s\n%s\n%s\n\' "$each" "$(stat -c %Y "$each")" "$(cat "$each/live" 2>/dev/null)" '
            f'"$([ -e "$each/{_PREVIEW}" ] && echo yes)"; '
            f"cat \"$each/ledger.jsonl\" 2>/dev/null; printf '{_SEPARATOR}'"
        )
        listed = f'for each in {quote(prefix)}*; do [ -d "$each" ] || continue; {each}; done'
        text = self._shell.run(f"(cd {routes.STATE} && {listed})").decode(errors="replace")
        found = (part.split("\n", 4) for part in text.split(_SEPARATOR)[:-1])
        return [(name, float(at), live, bool(ours), tuple(lines.splitlines())) for name, at, live, ours, lines in found]

    def forget(self) -> None:
        """Remove all files of this environment."""
        self._shell.run(f"rm -rf {quote(self._folder)}")

    def close(self) -> None:
        """End the shell."""
        self._shell.close()


def _made(folder: str) -> str:
    """A script that creates an environment's folder and keys, once, and removes what a power cut left half written."""
    return (
        f"mkdir -p {folder}/releases && chmod 700 {folder}\n"
        f"find {folder} -maxdepth 2 -type f -name '*.new' -mmin +1 -delete 2>/dev/null\n"
        f"[ -s {routes.CONNECTION_FILE} ] || printf keep-alive > {routes.CONNECTION_FILE}\n"
        # a missing file would be an error in Caddy's log for every request
        f"[ -e {folder}/{routes.POOL} ] || : > {folder}/{routes.POOL}\n"
        f"[ -s {folder}/{MAINTENANCE} ] || printf off > {folder}/{MAINTENANCE}\n"
        f"[ -s {folder}/{canary.FILE} ] || printf {canary.OFF} > {folder}/{canary.FILE}\n"
        f"{_key(f'{folder}/configuration-key')}\n{_key(f'{folder}/key')}"
    )


def _key(path: str) -> str:
    """A script that creates a random key atomically, unless it exists."""
    return f"[ -s {path} ] || {{ head -c 32 /dev/urandom | base64 > {path}.new && mv -f {path}.new {path}; }}"
