"""Every round trip of a deploy and a rollback to a server far away: `python -m tests.bench.trips --delay 100`.

`far`: seconds since the program's start, as seen at the server's Docker socket. A call waits for those before it whose
answers were back by then; the longest chain of such calls is what distance costs, beside SSH's own handshake.

`--write` lists every call of a deploy and of a rollback in docs/benchmarks.md; an end-to-end test compares.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.bench import far, listed
from tests.bench.chain import CONNECT, Call, links, longest
from tests.bench.delay import DelayingProxy
from tests.bench.ours import ROOT
from tests.bench.recording import Recording, recording
from tests.bench.stepping import COMMANDS, stepped
from tests.bench.table import replaced
from tests.hello import Hello
from tests.rig import Host, Rig

NAME = "bench-trips"
PAGE = ROOT / "docs/benchmarks.md"
RUNS = 3
"""For the list: what one of them does without is left out."""


def report(calls: list[Call], took: float, delay: float, handshake: int) -> str:
    """What came through, one line each; those of the longest chain are numbered."""
    chain = longest(links(calls, delay))
    number = {id(call): place for place, call in enumerate(chain, 1)}
    opened = sum(call.what == CONNECT for call in calls)
    head = (
        f"{took:.2f} s; {len(calls) - opened} calls on {opened} connections; "
        f"SSH's handshake {handshake} round trips, then at most {len(chain)} one after another"
    )
    lines = [head, f"{'trip':>4}  {'at':>7}  {'took':>6}  {'conn':>4}  what"]
    for call in calls:
        place = number.get(id(call), "")
        lasted = f"{call.answers[0] - call.at:6.3f}" if call.answers else "      "
        lines.append(f"{place!s:>4}  {call.at:7.3f}  {lasted}  {call.connection:4}  {call.what}")
    return "\n".join(lines)


def record(
    app: Hello, proxy: DelayingProxy, seen: Recording, words: tuple[str, ...], show: Callable[[str], None]
) -> None:
    """Run the command, say every round trip, and what its own steps took."""
    proxy.turns.clear()
    seen.begin()
    began = time.monotonic()
    said = json.loads(app.tagship(*words, "--env", "far", "--json"))
    took = time.monotonic() - began
    calls = list(seen.calls)
    first = calls[0].at if calls else took
    handshake = 1 + sum(turn < seen.began + first for turn in proxy.turns)  # TCP's own, which the proxy can't see
    show(f"\n{' '.join(words)} at {proxy.round_trip * 1000:.0f} ms: {report(calls, took, proxy.round_trip, handshake)}")
    for step, seconds in said.get("steps", {}).items():
        show(f"  {seconds:6.2f} s  {step}")


def write(app: Hello, host: Host, seen: Recording) -> None:
    """List every call in the page: those that come in each of some runs."""
    runs: dict[str, list[list[listed.Stepped]]] = {command: [] for command in COMMANDS}
    for _ in range(RUNS):
        app.commit()
        for command, task in COMMANDS.items():
            runs[command].append(stepped(app, "far", host, seen, task))
    page = listed.table({command: listed.always(each) for command, each in runs.items()})
    PAGE.write_text(replaced(PAGE.read_text(), page, listed.BEGIN, listed.END))


def main() -> int:
    """Ship twice near by, then once and back far away."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--delay", type=float, default=100, help="a round trip's milliseconds")
    parser.add_argument("--host", type=int, default=1, choices=(1, 2), help="1: engine 28, 2: engine 20.10")
    parser.add_argument("--write", action="store_true", help="list the calls in docs/benchmarks.md, from near by")
    words = parser.parse_args()
    with Rig(images=["python", "caddy"]) as rig, tempfile.TemporaryDirectory(prefix="bench-") as folder:
        host = rig.hosts[words.host - 1]
        rig.reset(host)
        with far.far_away(host) as proxy:
            app = far.app(rig, host, proxy, Path(folder) / NAME, NAME)
            app.commit()
            app.ship("far")
            app.commit()
            with recording(host) as seen:
                if words.write:
                    write(app, host, seen)
                    return 0
                proxy.round_trip = words.delay / 1000
                for command in ("ship", "rollback"):
                    record(app, proxy, seen, (command,), lambda line: print(line, flush=True))
        rig.reset(host)
    return 0


if __name__ == "__main__":
    sys.exit(main())
