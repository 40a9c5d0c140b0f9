"""One table of what ours takes, the floor in the same run, and the ratio: `nox -s bench -- --only deploy,rollback`.

The contenders take turns within each round, each on a server that was emptied for it. `--before COMMIT` has a second
version of ours take part, installed from that commit.
"""

import argparse
import os
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.bench import ours
from tests.bench.chart import chart
from tests.bench.results import BEFORE, FLOOR, NOW, OLD, Results, Row
from tests.bench.rows import SCENES
from tests.bench.scene import Bench, Scene, perform
from tests.bench.table import failures, replaced, table
from tests.rig import Rig

PAGE = ours.ROOT / "docs/benchmarks.md"
PICTURE = PAGE.with_suffix(".svg")


def arguments() -> argparse.Namespace:
    """What may be said on the command line."""
    names = [row.name for scene in SCENES for row in scene.rows()]
    parser = argparse.ArgumentParser(
        prog="nox -s bench --", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--before", metavar="COMMIT", default="", help="a commit of this repository to compare with")
    parser.add_argument("--only", default="", metavar="ROW,…", help=", ".join(names))
    parser.add_argument("--host", type=int, default=1, choices=(1, 2), help="1: engine 28, 2: engine 20.10")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md and its picture")
    words = parser.parse_args()
    words.only = frozenset(words.only.split(",") if words.only else names)
    if unknown := words.only - set(names):
        parser.error(f"no such row: {', '.join(sorted(unknown))}")
    return words


@contextmanager
def programs(folder: Path, before: str) -> Iterator[dict[str, Path]]:
    """The programs of what is checked out here and, where it is named, of a commit before."""
    found = {NOW: ours.install(ours.ROOT, folder / NOW)}
    if not before:
        yield found
        return
    source = folder / "source"
    ours.checkout(before, source)
    try:
        found[BEFORE] = ours.install(source, folder / BEFORE)
        yield found
    finally:
        ours.forget(source)


def turns(contenders: Sequence[str], number: int) -> list[str]:
    """The order of the contenders, which changes with each round."""
    first = number % len(contenders)
    return [*contenders[first:], *contenders[:first]]


def measure(bench: Bench, scenes: Sequence[Scene], rounds: int) -> None:
    """All rounds of all scenes, the contenders in turn."""
    contenders = [*bench.programs, FLOOR, OLD]
    for number in range(1, rounds + 1):
        for scene in scenes:
            for who in turns(contenders, number):
                perform(scene, bench, who, number)
    for who in contenders:
        bench.results.subtract("rollback", "boot", FLOOR, "rollback-less-boot", who)


def machine(bench: Bench, rounds: int) -> str:
    """The machine that it was measured on."""
    release = platform.freedesktop_os_release()["PRETTY_NAME"].partition(" (")[0]
    cores = os.cpu_count()
    load = os.getloadavg()[2]
    return (
        f"{time.strftime('%Y-%m-%d')}: {cores} cores, {release}, Python {platform.python_version()}, "
        f"engine {bench.host.docker('version', '--format', '{{.Server.Version}}').strip()}; {rounds} rounds, the "
        f"contenders in turn; median and range. Load average of the last 15 minutes: {load:.1f}."
    )


def written(rows: Sequence[Row], contenders: Sequence[str], results: Results, about: str) -> str:
    """The text between the markers of the page."""
    said = failures(rows, results)
    parts = [about, f"![The same as bars]({PICTURE.name})", table(rows, contenders, results)]
    return "\n\n".join([*parts, *([f"Failed:\n\n{said}"] if said else [])])


def main() -> int:
    """Measure, print, write if told to. Returns 1 when a row failed."""
    words = arguments()
    with (
        Rig(images=["python", "caddy"]) as rig,
        tempfile.TemporaryDirectory(prefix="bench-") as name,
        programs(Path(name), words.before) as found,
    ):
        bench = Bench(rig, rig.hosts[words.host - 1], Path(name), found, words.only)
        try:
            measure(bench, SCENES, words.rounds)
            about = machine(bench, words.rounds)
        finally:
            tidy(bench)
    rows = [row for scene in SCENES for row in scene.rows() if row.name in words.only]
    results = bench.results
    contenders = [who for who in (BEFORE, NOW, FLOOR, OLD) if any(results.figure(row.name, who) for row in rows)]
    print(f"\n{about}\n\n{table(rows, contenders, results)}\n{failures(rows, results)}")
    if words.write:
        PAGE.write_text(replaced(PAGE.read_text(), written(rows, contenders, results, about)))
        PICTURE.write_text(chart(rows, contenders, results))
    return 1 if results.failures else 0


def tidy(bench: Bench) -> None:
    """Remove what was left on the server, images included: those that the rig needs are in its registry."""
    bench.rig.reset(bench.host, images=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(os.EX_TEMPFAIL))
    sys.exit(main())
