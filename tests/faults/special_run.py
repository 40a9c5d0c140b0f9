"""Tries the special faults on both servers, a server beside the other."""

import contextlib
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.faults.case import SPECIAL, Result, Runner
from tests.faults.points import Ended
from tests.faults.site import Site
from tests.faults.special import SPECIALS, Special
from tests.faults.stage import Stage, small_disk
from tests.rig import Rig

Note = Callable[[Result], None]


class SpecialRunner(Runner):
    """Tries one case after another on one site."""

    def try_out(self, what: Special) -> Result:
        """Set it up, do it, deploy what is wanted, and see what is in order."""
        site, stage = self.site, Stage(self.site)
        result = Result(what.name, SPECIAL, "", "", site.host.number, reached=True, serves=what.serves)
        result.problems += self._calm(ends=not what.serves)
        began = time.monotonic()
        try:
            ended = what.do(stage)
        except Exception:  # noqa: BLE001 - the others are still to be tried
            ended = Ended(1, "", traceback.format_exc(), 0.0)
        stage.restore()
        result.code, result.parts = ended.code, [round(time.monotonic() - began, 1)]
        result.problems += [*stage.problems, *self._ended(ended)]
        if ended.code not in what.codes:
            result.problems.append(f"it ended with {ended.code}")
        if what.says not in ended.err:
            result.problems.append(f"it didn't say {what.says!r}")
        try:
            self._finish(result, ended)
        except Exception:  # noqa: BLE001 - the same
            result.problems.append(traceback.format_exc())
        result.seconds = round(time.monotonic() - began, 1)
        return result


def run(
    rig: Rig, folder: Path, engines: Sequence[int], names: Sequence[str], known: Sequence[Result], note: Note
) -> None:
    """Try all cases, or those whose names have one of those parts; not those that are known already."""
    done = {(result.kind, result.number) for result in known if result.command == SPECIAL}

    def server(number: int) -> None:
        left = [each for name, each in SPECIALS.items() if not names or any(part in name for part in names)]
        left = [each for each in left if (each.name, number) not in done]
        site = Site(rig, folder, f"special{number}", number)
        try:
            site.settle()
            with contextlib.ExitStack() as disk:
                for at, each in enumerate(left):
                    if each.small_disk and not (at and left[at - 1].small_disk):
                        disk.enter_context(small_disk(site))
                    note(SpecialRunner(site).try_out(each))
        finally:
            site.remove()

    with ThreadPoolExecutor(len(engines)) as threads:
        for line in [threads.submit(server, number) for number in engines]:
            line.result()
