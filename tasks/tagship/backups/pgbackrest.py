"""What pgBackRest prints: the base backups and the WAL in its repository, and why it failed. Pure.

Its commands: https://pgbackrest.org/command.html. Each of its options can be a variable, PGBACKREST_…, so the variables
of the accessory in the Compose file are its whole configuration.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tagship.errors import BackupError, StoreError, TagshipError

INFO = ("pgbackrest", "info", "--output=json", "--io-timeout=3")
"""With the default of 60 s, it tries for 18 minutes to reach a store that is down; with this, for half a minute."""
QUIET = ("--log-level-console=off", "--log-level-stderr=warn", "--log-level-file=off")
LIST = ("pgbackrest", "repo-ls", "--recurse", "--io-timeout=3", "--filter=[0-9A-F]{24}-[0-9a-f]{40}")
_SEGMENT = re.compile(r"([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})-[0-9a-f]{40}")
_OK, _NO_STANZA, _NO_BACKUP, _NO_STANZA_DATA = 0, 1, 2, 3
_LOG_FILE = 1 << 32
"""Bytes of WAL that share the second part of a segment's name."""


@dataclass(frozen=True)
class Base:
    """A base backup."""

    label: str
    started: datetime
    ended: datetime
    """Recovery can reach any time after this."""
    wal: str
    """The first segment that a recovery from it needs."""
    size: int
    """Bytes of the whole cluster, as restored."""
    stored: int
    """Bytes that it takes in the repository."""


@dataclass(frozen=True)
class Repository:
    """What is in the repository."""

    bases: tuple[Base, ...]
    """Oldest first."""
    archive: str = ""
    """Name of the archive of the current PostgreSQL version, `15-1`; empty without one."""
    encrypted: bool = False

    def before(self, at: datetime) -> Base | None:
        """The newest base backup from which a time can be reached."""
        return next((base for base in reversed(self.bases) if base.ended < at), None)


def repository(printed: str) -> Repository:
    """What `info` prints. Raises BackupError without a stanza, StoreError if the store can't be read."""
    try:
        (stanza,) = json.loads(printed, strict=False)  # messages may quote what it decrypted with a wrong passphrase
        status: dict[str, Any] = stanza["status"]
        told = "\n".join(repo["status"]["message"] for repo in stanza["repo"]) or status["message"]
    except (ValueError, KeyError, TypeError):
        if "FormatError" in printed:
            raise failure(printed) from None
        raise BackupError(
            "pgBackRest names no stanza, or several.", hint="set PGBACKREST_STANZA in the database's variables"
        ) from None
    if status["code"] in {_NO_STANZA, _NO_STANZA_DATA}:
        raise BackupError("The repository is empty.", hint="run `tagship pitr.base`, which makes the first base backup")
    if status["code"] not in {_OK, _NO_BACKUP}:
        raise failure(told)
    bases = sorted((_base(raw) for raw in stanza["backup"] if not raw.get("error")), key=lambda base: base.ended)
    archive = stanza["archive"][-1]["id"] if stanza["archive"] else ""
    return Repository(tuple(bases), archive, stanza.get("cipher", "none") != "none")


def segments(printed: str) -> list[str]:
    """The names of the WAL segments that LIST found, in their order."""
    return sorted("".join(found.groups()) for found in _SEGMENT.finditer(printed))


def gaps(found: Iterable[str], since: str, size: int) -> list[tuple[str, str]]:
    """The missing segments from one on: first and last of each gap. `size`: bytes of a segment.

    Within each timeline from that segment's on; a new one begins where a recovery left the one before.
    """
    per_file = _LOG_FILE // size
    missing: list[tuple[str, str]] = []
    last: dict[str, int] = {since[:8]: _number(since, per_file) - 1}
    for name in sorted(name for name in found if name[:8] >= since[:8]):
        timeline, number = name[:8], _number(name, per_file)
        expected = last.get(timeline, number - 1) + 1
        if number < expected:
            continue
        if number > expected:
            missing.append((_name(timeline, expected, per_file), _name(timeline, number - 1, per_file)))
        last[timeline] = number
    return missing


def failure(printed: str) -> TagshipError:
    """The error that pgBackRest's output means."""
    lines = [line.strip() for line in printed.strip().splitlines() if line.strip()]
    if "FormatError" in printed or "CryptoError" in printed:
        return BackupError(
            "The repository can't be decrypted, or it was changed.",
            hint="check PGBACKREST_REPO1_CIPHER_PASS: it must be the one that the repository was created with",
        )
    for telling in ("HostConnectError", "ServiceError", "FileOpenError", "TlsError", "CryptoError"):
        if found := next((line for line in lines if telling in line), ""):
            return StoreError(
                f"pgBackRest can't reach its repository: {_told(found)}.", hint="check PGBACKREST_REPO1_… and the store"
            )
    if refused := re.search(r"HTTP request failed with (\d+ \([^)]*\))", printed):
        code = re.search(r"<Code>(\w+)</Code>", printed)
        why = f"{refused[1]}{f', {code[1]}' if code else ''}"
        return StoreError(f"The repository's store refuses: {why}.", hint="check the key in PGBACKREST_REPO1_S3_…")
    errors = [line for line in lines if "ERROR" in line] or lines[-1:] or ["it says nothing"]
    return BackupError(f"pgBackRest failed: {_told(errors[0])}.")


def arguments(base: Base, at: datetime | None) -> Sequence[str]:
    """How `restore` reaches a time from a base backup, and waits there; without one, the end of the archive."""
    chosen = f"--set={base.label}"
    if at is None:
        return (chosen, "--type=default")
    return (chosen, "--type=time", f"--target={at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00", "--target-action=pause")


def _told(line: str) -> str:
    line = re.sub(r"^(\S+ \S+ P\d+ +)?(ERROR|WARN): +", "", line)
    return re.sub(r"^(repo\d+: )?(\[\w+\]:?|\w+Error:) ?", "", line).rstrip(".")


def _base(raw: dict[str, Any]) -> Base:
    started, ended = (datetime.fromtimestamp(raw["timestamp"][key], UTC) for key in ("start", "stop"))
    info = raw["info"]
    return Base(raw["label"], started, ended, raw["archive"]["start"], info["size"], info["repository"]["delta"])


def _number(name: str, per_file: int) -> int:
    return int(name[8:16], 16) * per_file + int(name[16:], 16)


def _name(timeline: str, number: int, per_file: int) -> str:
    return f"{timeline}{number // per_file:08X}{number % per_file:08X}"
