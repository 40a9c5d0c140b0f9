"""What is wrong with a deploy before it has changed anything: all findings at once. Pure."""

from collections.abc import Iterator

from tagship.model import Rendered
from tagship.ports import Observed

MIB = 1024 * 1024
LEAST_DISK = 1024 * MIB
"""Below this an engine can't unpack a middling image (python:3.12-slim with Django and GDAL is 0.7 GiB)."""
LEAST_MEMORY = 128 * MIB
"""Both releases run side by side for a while: less than this free, and the kernel ends one of them."""


def findings(wanted: Rendered, observed: Observed) -> Iterator[str]:
    """Each problem in one line."""
    shape = wanted.release.shape
    down = [name for name in shape.accessories if observed.accessories.get(name) != "running"]
    if down:
        yield f"{', '.join(down)} is not running: `tagship accessories.up` starts accessories."
    if observed.disk_free is not None and observed.disk_free < LEAST_DISK:
        yield f"The server's disk has {observed.disk_free // MIB} MiB free; {LEAST_DISK // MIB} are needed."
    if observed.memory_free is not None and observed.memory_free < LEAST_MEMORY:
        yield f"The server has {observed.memory_free // MIB} MiB of memory free; {LEAST_MEMORY // MIB} are needed."
