"""Secrets that nobody else has, and where they are found: in texts, files, processes, images and requests."""

import base64
import gzip
import json
import os
import secrets
import threading
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, quote_plus

LARGEST = 400_000_000
"""Bytes of the largest file that is read."""
_SURE = 8
"""Characters that a form needs, so that it doesn't occur by chance in as many bytes as a rig has."""
_TICK = 0.02
"""Seconds between two looks at the processes and at temporary files."""
CONTAINER = "a container"
"""The name of every program that runs in one."""
_YOUNG = 0.2
"""Seconds in which a process is looked at each time, and later once in as many: it changes when it runs a program."""


def made() -> dict[str, str]:
    """Five shapes of secrets, new in every run."""

    def word(length: int = 20) -> str:
        return "".join(
            secrets.choice("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789") for _ in range(length)
        )

    lines = "\n".join(f"{word(32)}{word(32)}" for _ in range(4))
    return {
        "PLAIN": word(),
        "AWKWARD": f"{word()} $HOME ${{X}} 'a' \"b\" \\ {word()}\nsecond {word()}",
        "PEM": f"-----BEGIN PRIVATE KEY-----\n{lines}\n-----END PRIVATE KEY-----\n",
        "SHORT": f"{word(7)}7",  # a plain word isn't hidden
        "UNICODE": f"pässwörd⟦{word()}⟧🔑{word()}",
    }


@dataclass
class Canaries:
    """Secrets by name, and every form in which one may be written."""

    values: Mapping[str, str]
    forms: dict[bytes, str] = field(default_factory=dict)
    """Form → whose."""

    def __post_init__(self) -> None:
        """Every form of each, and of each line of several."""
        for name, value in self.values.items():
            lines = [line.strip() for line in value.splitlines() if not line.startswith("-----")]
            for part in {value, *(lines if len(lines) > 1 or "-----" in value else ())}:
                for form in _forms(part):
                    if len(form) >= _SURE:
                        self.forms[form] = name

    def found(self, data: bytes) -> set[str]:
        """The names of those that are in some bytes."""
        return {name for form, name in self.forms.items() if form in data}

    def in_text(self, text: str) -> set[str]:
        """The same for a text."""
        return self.found(text.encode())

    def in_file(self, path: Path) -> set[str]:
        """The same for a file, also for what is compressed in it; none if it can't be read."""
        with suppress(OSError):
            if path.is_file() and not path.is_symlink() and path.stat().st_size <= LARGEST:
                data = path.read_bytes()
                with suppress(OSError, EOFError, zlib.error):
                    data += gzip.decompress(data) if data[:2] == b"\x1f\x8b" else b""
                return self.found(data) | self.in_text(str(path))
        return self.in_text(str(path))

    def in_files(self, roots: Iterable[Path], since: float, without: Iterable[Path] = ()) -> Iterator[tuple[Path, str]]:
        """Each file that was changed since then and has one of them, with its name."""
        hidden = {str(path) for path in without}
        for root in roots:
            for folder, folders, names in os.walk(root):
                folders[:] = [name for name in folders if f"{folder}/{name}" not in hidden]
                for path in (Path(folder, name) for name in names):
                    if str(path) not in hidden and _changed(path) >= since:
                        for name in self.in_file(path):
                            yield path, name


def _forms(value: str) -> set[bytes]:
    raw = value.encode()
    texts = {
        value, value.replace("$", "$$"), json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1],
        repr(value)[1:-1], quote(value, safe=""), quote(value), quote_plus(value),
        raw.hex(), raw.hex().upper(),
    }  # fmt: skip
    encoded = {form for offset in range(3) for form in _in_base64(raw, offset)}
    return {text.encode() for text in texts} | encoded


def _in_base64(raw: bytes, offset: int) -> set[bytes]:
    """The characters of base64 that a value alone decides, wherever it begins in what was encoded."""
    first, end = -(-offset * 8 // 6), (offset + len(raw)) * 8 // 6
    whole = base64.b64encode(b"\0" * offset + raw + b"\0" * 3)[first:end]
    return {whole, whole.replace(b"+", b"-").replace(b"/", b"_")}


def _changed(path: Path) -> float:
    try:
        return path.lstat().st_ctime
    except OSError:
        return 0


@dataclass
class Watched:
    """What was seen while something ran: (program, `argv` or `environ`, name), and temporary files that had one."""

    processes: set[tuple[str, str, str]] = field(default_factory=set)
    files: set[tuple[str, str]] = field(default_factory=set)


@contextmanager
def watching(canaries: Canaries, folders: Iterable[Path]) -> Iterator[Watched]:
    """Look at every process that starts on this machine, its containers' too, and at short-lived files in folders."""
    seen, before, born, looks = Watched(), _processes(), dict[int, float](), dict[int, float]()
    held = _held(before)
    machines = frozenset(held)
    done = threading.Event()

    def look() -> None:
        while not done.wait(_TICK):
            now = time.monotonic()
            for pid in _processes() - before:
                age, last = now - born.setdefault(pid, now), looks.get(pid, 0.0)
                if age < _YOUNG or now - last > _YOUNG:
                    looks[pid] = now
                    _look_at(pid, machines, canaries, seen)
            for path, name in canaries.in_files(folders, time.time() - 1):
                seen.files.add((str(path), name))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()
        for file in held.values():
            os.close(file)


def _processes() -> set[int]:
    return {int(entry.name) for entry in os.scandir("/proc") if entry.name.isdigit()}


def _held(pids: Iterable[int]) -> dict[str, int]:
    """The namespaces of these processes, each kept open: a number that becomes free is given to a new container."""
    held: dict[str, int] = {}
    for pid in pids:
        with suppress(OSError):
            file = os.open(f"/proc/{pid}/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
            name = Path(f"/proc/self/fd/{file}").readlink()
            if held.setdefault(str(name), file) != file:
                os.close(file)
    return held


def _namespace(pid: int) -> str:
    try:
        return str(Path(f"/proc/{pid}/ns/pid").readlink())
    except OSError:
        return ""


def _look_at(pid: int, machines: frozenset[str], canaries: Canaries, seen: Watched) -> None:
    with suppress(OSError):
        argv = Path(f"/proc/{pid}/cmdline").read_bytes()
        words = argv.decode(errors="replace").split("\0")
        program = Path(words[0]).name if _namespace(pid) in machines else CONTAINER
        if not program:  # it becomes another program just now, and is looked at again then
            return
        if program.startswith("python") and len(words) > 1:
            program = Path(words[1]).name
        for kind, data in (("argv", argv), ("environ", Path(f"/proc/{pid}/environ").read_bytes())):
            seen.processes |= {(program, kind, name) for name in canaries.found(data)}
