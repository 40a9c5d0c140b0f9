"""Lines and events come in the order they were made, and signals go on."""

import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from action import child

TELL = f"""
import json, os, subprocess, sys, time
pipe = os.fdopen(int(os.environ["{child.EVENTS}"]), "w", buffering=1)
def tell(kind, **facts):
    pipe.write(json.dumps({{"kind": kind, "facts": facts}}) + "\\n")
    print(os.environ["{child.MARK}"], flush=True)
"""


def run(script: str, folder: Path) -> tuple[int, list[str]]:
    heard: list[str] = []

    def event(kind: str, _: Mapping[str, Any]) -> None:
        heard.append(f"<{kind}>")

    code = child.run([sys.executable, "-c", TELL + script], dict(os.environ), folder, heard.append, event)
    return code, heard


def test_what_was_printed_before_an_event_is_heard_before_it(tmp_path: Path) -> None:
    code, heard = run("for n in range(50): print(n); tell(f'e{n}')\nprint('end', end='')\nsys.exit(3)", tmp_path)

    assert code == 3
    assert heard == [*(word for n in range(50) for word in (str(n), f"<e{n}>")), "end"]


def test_what_it_starts_can_tell_nothing(tmp_path: Path) -> None:
    script = "fd = pipe.fileno()\nos.set_inheritable(fd, False)\n"
    script += (
        "print(subprocess.run([sys.executable, '-c', f'import os; os.write({fd}, b\"{{}}\")'], stderr=-3).returncode)"
    )

    assert run(script, tmp_path)[1] == ["1"]


def test_a_forged_mark_tells_nothing(tmp_path: Path) -> None:
    script = f"print('a' + os.environ['{child.MARK}'] + 'b')\ntell('real')\nprint('c')"

    assert run(script, tmp_path) == (0, ["a", "<real>", "c"])


def test_an_event_may_be_as_long_as_a_suites_whole_output(tmp_path: Path) -> None:
    sizes: list[int] = []

    def event(_: str, facts: Mapping[str, Any]) -> None:
        sizes.append(len(facts["output"]))

    script = "tell('suite', output='x' * 1_000_000)\nprint('y' * 1_000_000)\ntell('suite', output='')"
    lines: list[str] = []
    code = child.run([sys.executable, "-c", TELL + script], dict(os.environ), tmp_path, lines.append, event)

    assert (code, sizes, [len(line) for line in lines]) == (0, [1_000_000, 0], [1_000_000])


def test_a_program_left_behind_does_not_hold_the_job_up(tmp_path: Path) -> None:
    began = time.monotonic()

    run("subprocess.Popen(['sleep', '20'])", tmp_path)

    assert time.monotonic() - began < 5


def test_a_program_left_behind_that_goes_on_writing_does_not_either(tmp_path: Path) -> None:
    began = time.monotonic()

    code, heard = run("subprocess.Popen(['timeout', '20', 'yes', 'still here'])\ntime.sleep(0.1)", tmp_path)

    assert time.monotonic() - began < 5
    assert code == 0
    assert "still here" in heard


def test_a_signal_is_passed_on(tmp_path: Path) -> None:
    script = "import signal\nsignal.signal(signal.SIGINT, lambda *_: sys.exit(130))\ntell('ready')\ntime.sleep(20)"
    heard: list[str] = []

    def event(kind: str, _: Mapping[str, Any]) -> None:
        heard.append(kind)
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()

    code = child.run([sys.executable, "-c", TELL + script], dict(os.environ), tmp_path, heard.append, event)

    assert (code, heard) == (130, ["ready"])
