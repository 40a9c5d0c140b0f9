"""Backups in a folder of another server, reached by OpenSSH."""

import contextlib
import os
import secrets
import shlex
import subprocess
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from typing import IO
from urllib.parse import unquote, urlsplit

from tagship.backups.store import Protection, Source, Stored, safe
from tagship.errors import ConfigError, StoreError
from tagship.system import openssh, programs

_CHUNK = 1 << 20
_ATTEMPTS = 3
_SSH_FAILED = 255
_CODES = {81: "it exists already, and nothing is replaced", 82: "it doesn't exist", 83: "its folder doesn't exist"}
"""What the exit codes of the scripts below mean; their other programs use none of them."""
_CUT = ("reset", "closed", "timed out", "Broken pipe", "not responding")
"""What ssh says when it is worth trying again."""

_BEGIN = 'umask 077; cd "$1" || exit 83\n'
_RECEIVE = 'mkdir -p "$(dirname "./$2")" && exec dd of="./$2" bs=65536 conv=fsync status=none'
_NAME = """
[ "$(stat -c %s "./$2")" = "$4" ] || { echo "not all of it arrived" >&2; exit 1; }
[ ! -e "./$3" ] || exit 81
ln "./$2" "./$3" || { [ ! -e "./$3" ] || exit 81; exit 1; }
rm -f "./$2"; sync "$(dirname "./$3")" 2>/dev/null || sync
"""
_REMOVE = """
rm -f "./$2" && rmdir -p "$(dirname "$2")" 2>/dev/null
[ ! -e "./$2" ]
"""
_READ = '[ -e "./$2" ] || exit 82; printf . && exec cat "./$2"'
_LIST = """[ ! -d "./$2" ] || exec find "./$2" -type f ! -name '.part-*' ! -path '*
*' -exec stat -c '%s %n' {} +"""
_SWEEP = '[ ! -d "./$2" ] || exec find "./$2" -type f -name \'.part-*\' ! -newermt "@$3" -print -exec rm -f {} +'


class Ssh:
    """A Store in a folder of a server with a POSIX shell and GNU's or BusyBox's tools. The folder has to exist."""

    def __init__(self, url: str) -> None:
        self.url = url
        parts = urlsplit(url)
        self._host, user = parts.hostname or "", parts.username or ""
        hint = "write ssh://[USER@]HOST[:PORT]/PATH"
        if not self._host or "-" in {self._host[0], user[:1]} or parts.password or parts.query or parts.fragment:
            raise ConfigError(f"{self._host or 'The URL'!r} is no store on a server.", hint=hint)
        try:
            self._options = openssh.options(parts, {})
        except ValueError:
            raise ConfigError(f"{url!r} has no valid port.", hint=hint) from None
        self._root = unquote(parts.path) or "/"
        self._shared: list[str] = []
        """Options of ssh that share a connection, while there is one."""

    def put(self, name: str, source: Source) -> None:
        """See Store. What has reached the server's disk whole gets its name; until then it isn't listed."""
        part = f"{safe(name).rpartition('/')[0] or '.'}/.part-{secrets.token_hex(8)}"
        try:
            with self._command(f"store {name}", _RECEIVE, part) as receiving:
                size = receiving.feed(source)
                receiving.end()
            self._output(f"store {name}", _NAME, part, name, str(size))
        except BaseException:
            with contextlib.suppress(StoreError):  # `sweep` finds it
                self._output("remove what is unfinished", _REMOVE, part)
            raise

    @contextlib.contextmanager
    def get(self, name: str) -> Iterator[Source]:
        """See Store."""
        with self._command(f"read {name}", _READ, safe(name)) as reading:
            if not reading.out.read(1):  # comes before the bytes, so that a missing file is noticed here
                reading.end()
            yield reading

    def names(self, prefix: str) -> Iterator[Stored]:
        """See Store."""
        lines = self._output("list its files", _LIST, prefix.rpartition("/")[0]).split("\n")
        pairs = (line.split(" ", 1) for line in lines if line)
        found = [Stored(path.removeprefix("./").lstrip("/"), int(size)) for size, path in pairs]
        return iter(sorted((each for each in found if each.name.startswith(prefix)), key=lambda each: each.name))

    def delete(self, name: str) -> None:
        """See Store. Folders that become empty go, too."""
        self._output(f"delete {name}", _REMOVE, safe(name))

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """See Store. Without the shared connection, or once it is cut, each command makes one of its own."""
        with tempfile.TemporaryDirectory(prefix="tagship-") as folder:
            shared = ["-o", f"ControlPath={folder}/ssh"]
            # it ends with its input, so with us
            argv = [*self._ssh(*shared, "-o", "ControlMaster=yes"), "echo && exec cat"]
            with subprocess.Popen(
                argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                env=programs.environment(),
            ) as connection:  # fmt: skip
                connected = connection.stdout and connection.stdout.readline()
                self._shared = [*shared, "-o", "ControlMaster=no"] if connected else []
                try:
                    yield
                finally:
                    self._shared = []

    def _ssh(self, *options: str) -> list[str]:
        return [openssh.program(), "-T", *options, *self._options, "--", self._host]

    def sweep(self, prefix: str, before: datetime) -> int:
        """See Store."""
        folder, time_ = prefix.rpartition("/")[0], str(int(before.timestamp()))
        return len(self._output("remove leftovers", _SWEEP, folder, time_).splitlines())

    def protection(self, probe: str) -> Protection:
        """See Store. Whoever can write into a folder can delete there; this isn't tried."""
        del probe
        return Protection(hides=True, erases=True)

    def _output(self, what: str, script: str, *words: str) -> str:
        """What a command prints. It is run again when the connection is cut."""
        for attempt in range(1, _ATTEMPTS):
            try:
                return self._once(what, script, *words)
            except _CutError:
                time.sleep(attempt)
        return self._once(what, script, *words)

    def _once(self, what: str, script: str, *words: str) -> str:
        with self._command(what, script, *words) as command:
            output = command.out.read()
            command.end()
        return os.fsdecode(output)  # names may be in any encoding

    @contextlib.contextmanager
    def _command(self, what: str, script: str, *words: str) -> "Iterator[_Command]":
        remote = " ".join(map(shlex.quote, ["sh", "-c", _BEGIN + script, "sh", self._root, *words]))
        with tempfile.TemporaryFile() as errors:
            command = _Command(what, [*self._ssh(*self._shared), remote], errors)
            try:
                yield command
            finally:
                command.kill()


class _CutError(StoreError):
    """The connection was cut, or never came about."""


class _Command:
    """A command on the server; a Source of what it prints."""

    def __init__(self, what: str, argv: list[str], errors: IO[bytes]) -> None:
        self._what, self._errors = what, errors
        self._process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env=programs.environment()
        )

    @property
    def out(self) -> IO[bytes]:
        """Its output."""
        assert self._process.stdout  # noqa: S101 - it is a pipe
        return self._process.stdout

    def read(self, size: int = -1, /) -> bytes:
        """Up to so many bytes. Raises StoreError at the end if not all bytes came."""
        data = self.out.read(size)
        if len(data) < size or size < 0:
            self.end()
        return data

    def feed(self, source: Source) -> int:
        """Write a stream to it, and return how many bytes there were."""
        assert self._process.stdin  # noqa: S101 - it is a pipe
        size = 0
        while data := source.read(_CHUNK):
            try:
                self._process.stdin.write(data)
            except BrokenPipeError:
                self.end()
                raise StoreError(f"The store can't {self._what}: it stopped reading.") from None
            size += len(data)
        return size

    def end(self) -> None:
        """Close its input and wait for it. Raises StoreError if it failed."""
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()  # type: ignore[union-attr] # it is a pipe
        code = self._process.wait()
        if not code:
            return
        self._errors.seek(0)
        lines = [line.strip() for line in self._errors.read().decode(errors="replace").splitlines() if line.strip()]
        said = "; ".join(dict.fromkeys(lines[-3:])).rstrip(".") or f"exit code {code}"
        if code == _SSH_FAILED:
            kind = _CutError if any(word in said for word in _CUT) else StoreError
            raise kind(f"The store can't be reached: ssh: {said}.", hint="try the same host with ssh")
        hint = "create it, or mount its disk" if code == 83 else ""  # noqa: PLR2004 - see _CODES
        if any(word in said for word in ("No space left", "quota")):
            hint = "free space there"
        raise StoreError(f"The store can't {self._what}: {_CODES.get(code, said)}.", hint=hint)

    def kill(self) -> None:
        """End it, if it still runs."""
        self._process.kill()
        self._process.wait()
        self.out.close()
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()  # type: ignore[union-attr] # it is a pipe
