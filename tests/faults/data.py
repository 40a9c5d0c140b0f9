"""The rows and files that an application has, which no fault may change, and whether backups bring them back.

All rows and files hold the same word. A restore changes it from the latest one to that of the backup.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tagship.backups.exchange import STAGE
from tests.faults.invariants import Wanted, eventually

if TYPE_CHECKING:
    from tests.faults.points import Ended
    from tests.faults.site import Site

ROWS = 1000
FILES = 5
BACKUP, RESTORE = "backup", "restore"
_POWER = frozenset({"engine killed and restarted", "server rebooted"})
"""Faults after which an exchange of files may wait for the next restore, half done: docs/backups.md says so."""
_TOLD = re.compile("had been replaced|✓.*Swap it with")
"""How a restore that failed says that the database is restored: in its hint, or by its step."""
_PATIENCE, _STARTS_WITHIN = 10.0, 60.0
_LIFE = 130.0
"""Seconds after which a workbench has ended whose network is gone; until then, the next run is refused."""


@dataclass
class Marks:
    """The words of a site's rows and files, and of its backups."""

    now: str = ""
    backed_up: str = ""
    """The word in the newest backup, from which a case restores."""
    backup: str = ""
    """The newest backup's id, before the case."""
    unfinished: set[Path] = field(default_factory=set)
    """What the store had of unfinished backups, before the case."""
    _number: int = 0

    def next(self) -> str:
        """Another word."""
        self._number += 1
        self.now = f"word{self._number}"
        return self.now


def container(wanted: Wanted) -> str:
    """The name of the database's container."""
    return f"{wanted.place}-accessories-db-1"


def fill(wanted: Wanted) -> None:
    """Give the database its rows."""
    _query(wanted, f"CREATE TABLE kept AS SELECT generate_series(1, {ROWS}) AS number, ''::text AS word")


def forget(wanted: Wanted) -> None:
    """Drop the databases and remove the volumes that restores have kept."""
    for name in _query(wanted, "SELECT datname FROM pg_database WHERE datname LIKE '%_until_%'").split():
        _query(wanted, f'DROP DATABASE "{name}"')
    for name in wanted.host.docker("volume", "ls", "--quiet", "--filter", "name=_until_").split():
        wanted.host.docker("volume", "rm", name)


def violations(wanted: Wanted) -> Iterator[str]:
    """What isn't as it should be with the data."""
    if (found := _query(wanted, "SELECT count(*), sum(number) FROM kept")) != f"{ROWS}|{ROWS * (ROWS + 1) // 2}":
        yield f"the table has {found}, not {ROWS} rows"


def before_backup(wanted: Wanted, marks: Marks) -> None:
    """Give rows and files a word of their own, and note what the store has."""
    _mark(wanted, marks.next())
    marks.backup, marks.unfinished = newest(wanted), _unfinished(wanted)


def before_restore(wanted: Wanted, marks: Marks, back_up: Callable[[], object]) -> None:
    """Have a backup that is the newest, and change rows and files after it."""
    if not marks.backed_up or newest(wanted) != marks.backup:
        _mark(wanted, marks.next())
        back_up()
        marks.backup, marks.backed_up = newest(wanted), marks.now
    _mark(wanted, marks.next())


def check(site: "Site", command: str, kind: str, ended: "Ended") -> list[str]:
    """What is wrong with the data after a command, a fault and the next deploy; then after the same command again.

    For other commands than backups and restores, nothing is looked at.
    """
    looks = {BACKUP: _after_backup, RESTORE: _after_restore}
    try:
        return list(looks[command](site, kind, ended)) if command in looks else []
    except AssertionError as error:
        return [str(error)]


def _after_backup(site: "Site", _: str, ended: "Ended") -> Iterator[str]:
    """A backup that counts is whole, and one that failed has left nothing in the store."""
    wanted, marks = site.wanted, site.marks
    if ended.code == 0 and newest(wanted) == marks.backup:
        yield "the backup ended with 0, and the store has none"
    yield from _not_whole(site)
    if ended.code > 0 and (parts := _unfinished(wanted) - marks.unfinished):
        yield f"left in the store: {sorted(map(str, parts))}"
    if ended.code:
        eventually(lambda: not _benches(wanted), _LIFE)
        before = newest(wanted)
        site.must("backup.create")
        if newest(wanted) == before:
            yield "the next backup ended with 0, and the store has none"
        yield from _not_whole(site)
    marks.backed_up = ""  # the newest backup is none from which to restore
    yield from _leftovers(wanted, restored=False)


def _not_whole(site: "Site") -> Iterator[str]:
    done = site.run("backup.verify")
    if done.code or not re.search(rf"{newest(site.wanted)} is whole\.$", done.out.strip()):
        yield f"the newest backup isn't whole: {done.code}\n{done.out}{done.err}"


def _after_restore(site: "Site", kind: str, ended: "Ended") -> Iterator[str]:
    """Rows and files are as the restore says; those of the backup after the next restore, and nothing is left."""
    wanted, new = site.wanted, site.marks.backed_up
    cut_off = kind in _POWER and f"{STAGE}/kept" in _staged(wanted)
    yield from wrong(site.marks, _rows(wanted), _files(wanted), ended.code, ended.err, cut_off=cut_off)
    if ended.code:
        eventually(lambda: not _benches(wanted), _LIFE)
        site.must("backup.restore", "--part", "all", "--at", site.marks.backup)
        if (found := (_rows(wanted), _files(wanted))) != (new, new):
            yield f"the next restore ended with 0, and rows and files are {found}, not {new}"
    yield from _leftovers(wanted, restored=True)


def wrong(marks: Marks, rows: str, files: str, code: int, said: str, *, cut_off: bool = False) -> Iterator[str]:
    """What is wrong with the words of rows and files after a restore.

    They are those of the backup; or those before it, if it failed. The rows come first, and if only they are restored,
    it says so, unless it was killed. `cut_off`: a power cut ended the exchange of files.
    """
    old, new = marks.now, marks.backed_up
    allowed = {new} if code == 0 else {old, new}
    what = f"the restore ended with {code}; {old} was before, {new} is in the backup"
    if rows not in allowed:
        yield f"the rows are {rows!r}: {what}"
    if files not in allowed and not cut_off:
        yield f"the files are {files!r}: {what}"
    if (rows, files) == (old, new):
        yield f"only the files are restored: {what}"
    if (rows, files) == (new, old) and code > 0 and not _TOLD.search(said):
        yield f"only the rows are restored, and nobody was told: {what}"


def newest(wanted: Wanted) -> str:
    """The id of the newest backup that counts; empty if there is none."""
    return max((path.parent.name for path in _store(wanted).glob("*/manifest.json")), default="")


def _unfinished(wanted: Wanted) -> set[Path]:
    """What the store has of backups that don't count."""
    folders = {path.parent for path in _store(wanted).glob("*/manifest.json")}
    return {path for path in _store(wanted).glob("*/*") if path.parent not in folders or path.name.startswith(".part-")}


def _store(wanted: Wanted) -> Path:
    return Path(urlsplit(wanted.app.settings["backups"]["store"]).path) / wanted.place


def _leftovers(wanted: Wanted, *, restored: bool) -> Iterator[str]:
    """What a backup or a restore has to remove after one that failed; a restore, what another one had loaded, too."""
    if not eventually(lambda: not _benches(wanted), _PATIENCE):
        yield f"containers of backups and restores are left: {_benches(wanted)}"
    half = _query(wanted, r"SELECT datname FROM pg_database WHERE datname LIKE '%\_restore\_%'")
    if restored and half:
        yield f"half restored databases are left: {half.split()}"
    if restored and (staged := _staged(wanted)):
        yield f"files of a restore are left in the volume: {staged}"


def _benches(wanted: Wanted) -> list[str]:
    """Containers that work on the data. One that was made in the last minute and not started is removed later."""
    shown = ("--format", "{{.CreatedAt}}\t{{.State}}\t{{.Names}}")
    rows = wanted.host.docker("ps", "-a", "--filter", "label=tagship.workbench", *shown).splitlines()
    return [row for row in rows if "\tcreated\t" not in row or _age(row) >= _STARTS_WITHIN]


def _age(row: str) -> float:
    return (datetime.now(UTC) - datetime.strptime(row[:25], "%Y-%m-%d %H:%M:%S %z")).total_seconds()


def _mark(wanted: Wanted, word: str) -> None:
    _query(wanted, f"UPDATE kept SET word = '{word}'")  # noqa: S608 - a word of our own
    names = " ".join(f"/state/mark{number}" for number in range(FILES))
    _in_web(wanted, f"for each in {names}; do echo {word} > $each; done")


def _rows(wanted: Wanted) -> str:
    """The word of all rows; several with commas between."""
    return _query(wanted, "SELECT string_agg(DISTINCT word, ',' ORDER BY word) FROM kept")


def _files(wanted: Wanted) -> str:
    """The word of all files; several with commas between, or how many files there are."""
    found = _in_web(wanted, "cat /state/mark*").split()
    return ",".join(sorted(set(found))) if len(found) == FILES else f"in {len(found)} files"


def _staged(wanted: Wanted) -> list[str]:
    """What a restore has laid into the volume, and the notes of its exchange."""
    return _in_web(wanted, f"cd /state; ls -d {STAGE} {STAGE}/* 2>/dev/null || true").split()


def _in_web(wanted: Wanted, script: str) -> str:
    ours = ("--filter", f"label=tagship.app={wanted.app.name}", "--filter", "label=tagship.release")
    (web, *_) = wanted.host.docker("ps", "-q", *ours).split()
    return wanted.host.docker("exec", web, "sh", "-c", script)


def _query(wanted: Wanted, query: str) -> str:
    psql = ("psql", "-U", "postgres", "-h", "127.0.0.1", "-Atc", query, "postgres")
    return wanted.host.docker("exec", container(wanted), *psql).strip()
