"""The list of every call of a deploy and of a rollback, as docs/benchmarks.md has it: written, read, compared. Pure."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

BEGIN = "<!-- python -m tests.bench.trips --write: begin -->"
END = "<!-- python -m tests.bench.trips --write: end -->"
AGAIN = "If that is meant: `python -m tests.bench.trips --write` writes the list anew (docs/benchmarks.md)."

_ROW = re.compile(r"^\| (?P<step>[^|]*) \| `(?P<call>.*)` \| (?P<times>\d+) \|$")
_HEAD = re.compile(r"^A (?P<command>\w+), \d+ calls:$")
_TELLS = re.compile(r"shell, \d+ bytes: (?:\{ )?(?P<script>.*)")
_PRINTED = re.compile(r"echo '(?P<text>.*?)'(?= |$)")
_REQUEST = re.compile(r"echo '(?P<request>[A-Z]+ \S+) HTTP/1.1'.*")


@dataclass(frozen=True)
class Stepped:
    """A call, and the step that was under way when it came."""

    step: str
    call: str


def anonymous(what: str, names: Mapping[str, str]) -> str:
    """A call without what differs from one run to the next; `names` says what stands for what."""
    if told := _TELLS.fullmatch(what):
        script = _REQUEST.sub(r"\g<request>", _PRINTED.sub(_printed, told["script"]))
        what = f"shell: {re.split(r' && | 2>| ; |; ', script)[0].rstrip(' ;}')}"
    for name in sorted(names, key=len, reverse=True):
        what = what.replace(name, names[name])
    what = re.sub(r"(?<=/)[0-9a-f]{12}(?=/|$|\?)", "ID", what)
    return re.sub(r"/images/\S+?(@sha256:[0-9a-f]+)/json", "/images/IMAGE/json", what).replace("?…", "")


def table(recorded: Mapping[str, Sequence[Stepped]]) -> str:
    """Each command's calls, in the order in which they first came."""
    parts = []
    for command, calls in recorded.items():
        rows = [f"| {one.step} | `{one.call}` | {times} |" for one, times in Counter(calls).items()]
        parts.append(
            "\n".join([f"A {command}, {len(calls)} calls:", "", "| step | call | times |", "|---|---|---|", *rows])
        )
    return "\n\n".join(parts)


def parsed(page: str) -> dict[str, Counter[str]]:
    """Command → how often it makes each call, whatever the step, as the page lists it."""
    listed: dict[str, Counter[str]] = {}
    command = ""
    for line in page.partition(BEGIN)[2].partition(END)[0].splitlines():
        if head := _HEAD.fullmatch(line):
            command = head["command"]
            listed[command] = Counter()
        elif row := _ROW.fullmatch(line):
            listed[command][row["call"]] += int(row["times"])
    return listed


def always(runs: Sequence[Sequence[Stepped]]) -> list[Stepped]:
    """The first run's calls without those that another run did without: a look more, where something was slow."""
    least = counted(runs[0])
    for run in runs[1:]:
        least &= counted(run)
    kept = []
    for one in runs[0]:
        if least[one.call] > 0:
            least[one.call] -= 1
            kept.append(one)
    return kept


def differences(listed: Counter[str], runs: Iterable[Sequence[Stepped]]) -> list[str]:
    """What every run has and the list hasn't, and the other way round, a line each."""
    counts = [counted(run) for run in runs]
    added, lost = counts[0] - listed, listed - counts[0]
    for count in counts[1:]:
        added, lost = added & (count - listed), lost & (listed - count)
    return [
        *(f"added: {call} ({times})" for call, times in added.items()),
        *(f"lost: {call} ({times})" for call, times in lost.items()),
    ]


def counted(calls: Iterable[Stepped]) -> Counter[str]:
    """How often each is made."""
    return Counter(one.call for one in calls)


def _printed(found: re.Match[str]) -> str:
    return found[0] if " HTTP/1.1" in found["text"] else "echo …"
