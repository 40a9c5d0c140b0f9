"""Record the calls of the tour anew, into docs/engine-calls.md: `python -m tests.rights`."""

import re
import tempfile
from pathlib import Path

from tests.rig import Rig
from tests.rights import calls, tour
from tests.rights.proxy import proxy


def main() -> None:
    """Replace the page's table."""
    with Rig(images=["python", "caddy", "redis"]) as rig, tempfile.TemporaryDirectory() as folder:
        rig.reset(rig.hosts[0])
        app = tour.made(rig, Path(folder) / "app")
        try:
            with proxy(rig, rig.hosts[0], None) as seen:
                tour.walk(app)
                found = calls.table(seen.made())
        finally:
            app.remove()
    page = calls.PAGE.read_text()
    calls.PAGE.write_text(re.sub(r"\| method \|.*?\n(?!\|)", lambda _: found, page, count=1, flags=re.DOTALL))


if __name__ == "__main__":
    main()
