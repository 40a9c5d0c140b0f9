"""Route changes on a shared edge under load: first deploys of new apps, and changed routes of the loaded one itself.

`python -m tests.faults.route_changes [--first-deploys 50] [--changes 50] [--host 1]`. Exits 1 when a request failed.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.hello import Hello
from tests.rig import Rig


def under_load(app: Hello, environment: str, *, first_deploys: int, changes: int) -> dict[str, Any]:
    """Ship an app, then others beside it and other routes of it while it is asked. Returns what the load saw."""
    app.commit()
    app.ship(environment)
    load = app.load(environment)
    shared = dict(app.settings)
    for number in range(first_deploys):
        url = {"url": f"http://new{number}.example", "engine": app.settings["environments"][environment]["engine"]}
        other = {"app": f"{app.name}-new{number}", "environments": {environment: url}, "smoke": [{"run": "true"}]}
        _deploy(app, environment, {**shared, **other})
    for number in range(changes):
        shared["routes"] = {"/*": "web:8000", f"/extra{number}/*": "web:8000"}
        _deploy(app, environment, shared)
    return load.stop()


def _deploy(app: Hello, environment: str, settings: dict[str, Any]) -> None:
    """What is committed, with another tagship.yml."""
    (app.folder / "tagship.yml").write_text(json.dumps(settings))
    app.tagship("deploy", "--env", environment, "--sha", app.git("rev-parse", "HEAD").strip())


def main() -> int:
    """Run it on a rig, and leave the host bare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first-deploys", type=int, default=50)
    parser.add_argument("--changes", type=int, default=50)
    parser.add_argument("--host", type=int, default=1)
    words = parser.parse_args()
    with Rig(images=["python", "caddy"]) as rig, tempfile.TemporaryDirectory() as folder:
        host = rig.hosts[words.host - 1]
        rig.reset(host)
        app = Hello(rig, Path(folder) / "app", "shared")
        seen = under_load(app, f"host{words.host}", first_deploys=words.first_deploys, changes=words.changes)
        rig.reset(host)
    print(f"{len(seen['failures'])} of {seen['requests']} requests failed", *seen["failures"], sep="\n  ")
    return 1 if seen["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
