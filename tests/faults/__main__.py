"""Do everything wrong at every step of every command: `nox -s faults`; `-- --random 100` kills at random instead."""

import argparse
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.faults import chaos, page, special_run
from tests.faults.kinds import KINDS
from tests.faults.matrix import Choice, Matrix
from tests.faults.site import COMMANDS
from tests.rig import Rig


def main() -> int:
    """The command line. Returns 1 when anything went wrong that shouldn't have."""
    parser = argparse.ArgumentParser(prog="nox -s faults --", description=__doc__)
    parser.add_argument("--kinds", nargs="*", default=[], metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--steps", nargs="*", default=[], metavar="PART", help="parts of steps' names")
    parser.add_argument("--commands", nargs="*", default=[], choices=COMMANDS, metavar="NAME", help=", ".join(COMMANDS))
    parser.add_argument("--engine", nargs="*", type=int, default=[1, 2], choices=(1, 2), help="1: current, 2: old")
    parser.add_argument("--seed", type=int, default=1, help="of the order")
    parser.add_argument("--cases", type=int, default=0, help="how many on each server; default: all of them")
    parser.add_argument("--all", action="store_true", help="also the other pairs, phases and engines: a day")
    parser.add_argument("--sample", action="store_true", help="every kind once, and every step of a deploy once")
    parser.add_argument("--special", nargs="*", metavar="PART", help="the faults of one place; parts of their names")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no case after that time")
    parser.add_argument("--results", type=Path, help="a file that is added to; what it has already isn't tried again")
    parser.add_argument("--write", action="store_true", help="write docs/reliability.md")
    parser.add_argument("--random", type=int, metavar="KILLS", help="SIGKILL at random moments, so often")
    words = parser.parse_args()
    if unknown := set(words.kinds) - set(KINDS):
        parser.error(f"no such kind: {', '.join(sorted(unknown))}")
    if words.random:
        return chaos.report(words.random, words.seed)
    commands = ["deploy"] if words.sample else words.commands
    choice = Choice(words.kinds, words.steps, commands, words.engine, words.seed, words.cases, words.all, words.sample)
    with Rig(images=["python", "caddy", "postgis"]) as rig, tempfile.TemporaryDirectory(prefix="f-") as folder:
        for host in rig.hosts:
            rig.reset(host)
        began = time.monotonic()
        matrix = Matrix(rig, Path(folder), choice, lambda line: print(line, flush=True), words.results)
        if words.special is not None:
            special_run.run(rig, Path(folder), words.engine, words.special, matrix.done, matrix.note)
        done = matrix.done if words.special is not None else matrix.run(words.minutes * 60)
        versions = {host.number: host.version for host in rig.hosts}
    if not done:
        parser.error("no case fits these words")
    if words.write:
        page.write(done, versions)
    wrong = [result for result in done if result.problems]
    print("\n".join(result.line() for result in wrong))
    print(f"{len(done)} cases in {(time.monotonic() - began) / 60:.1f} minutes, {len(wrong)} with problems")
    return 1 if wrong else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(os.EX_TEMPFAIL))
    sys.exit(main())
