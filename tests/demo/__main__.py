"""`nox -s demo`: one application, two servers, four acts: live, changed, refused, rolled back. Nothing is simulated."""

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tagship.reporting.table import table
from tests.demo.application import Application, build_variables, runtime_variables
from tests.rig import Rig

LOAD = Path(__file__).parents[1] / "load.py"
_PROPERTY = json.dumps({
    "title": "Loft by the river", "district": "Porto", "price": 245000, "expected_yield": "5.10",
    "area": 72, "lon": -8.61, "lat": 41.14,
})  # fmt: skip
CLIENTS = [
    *([["/api/properties/?district=Porto", None, True]] * 3),
    *([["/api/properties/?max_price=300000", None, False]] * 2),
    *([["/", None, True]] * 2),
    *([["/api/properties/", _PROPERTY, True]] * 1),
    *([["/api/properties/", _PROPERTY, False]] * 1),
    *([["/api/slow?seconds=2", None, True]] * 1),
    *([["/api/slow?seconds=2", None, False]] * 1),
    *([["/api/stream", None, True]] * 1),
    *([["/api/stream", None, False]] * 1),
]
"""Path, body, whether the connection is kept."""
PAUSE = 0.15
"""Seconds between a client's requests: about fifty requests a second leave two cores room for two releases."""

_ENVIRONMENT = """  {name}:
    engine: {engine}
    url: http://{address}
    variables: [.env.build, .env.{name}]
    edge: {{image: {edge}, https: 0}}
    smoke-within: 6s
"""


@dataclass
class Demo:
    """What every act needs, and the rows of the table at the end."""

    rig: Rig
    app: Application
    environment: dict[str, str]
    environments: tuple[str, ...] = ("staging", "production")
    rows: list[tuple[str, ...]] = field(default_factory=list)

    def tagship(self, *words: str, fails: bool = False) -> None:
        """Run the console command on the rig's laptop, as a person would."""
        print(f"\n$ tagship {' '.join(words)}", flush=True)
        done = subprocess.run(
            self.rig.laptop.command([str(Path(sys.executable).with_name("tagship")), *words]),
            cwd=self.app.folder,
            env=self.environment,
            check=False,
        )
        if bool(done.returncode) != fails:
            msg = f"tagship {words[0]} ended with {done.returncode}"
            raise SystemExit(msg)

    def start_accessories(self) -> None:
        """Of both environments at once: they are on servers of their own."""
        with ThreadPoolExecutor() as threads:
            started = [threads.submit(self.tagship, "accessories.up", "--env", name) for name in self.environments]
            for each in started:
                each.result()

    def act(self, title: str, address: str, work: Callable[[], None]) -> None:
        """Do something while the load runs, and note how many requests failed: any fails the demo."""
        with self._load(address) as seen:
            time.sleep(1)  # the load is on its way before anything changes
            began = time.monotonic()
            work()
            took = time.monotonic() - began
            time.sleep(1)
        failed = len(seen["failures"])
        self.rows.append((title, f"{took:.1f} s", f"{failed} failed of {seen['requests']} requests"))
        print(f"{failed} failed of {seen['requests']} requests", *seen["failures"][:10], sep="\n  ", flush=True)
        if failed:
            msg = f"{title}: {failed} requests failed"
            raise SystemExit(msg)

    def quietly(self, title: str, work: Callable[[], None]) -> None:
        """Run a step that isn't measured."""
        began = time.monotonic()
        work()
        self.rows.append((title, f"{time.monotonic() - began:.1f} s", ""))

    @contextmanager
    def _load(self, address: str) -> Iterator[dict[str, list[str]]]:
        argv = self.rig.laptop.command(
            [sys.executable, str(LOAD), f"http://{address}", json.dumps(CLIENTS), f"--pause={PAUSE}"]
        )
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=self.environment)
        seen: dict[str, list[str]] = {}
        try:
            yield seen
        finally:
            process.send_signal(signal.SIGTERM)
            said, _ = process.communicate(timeout=60)
        seen |= json.loads(said)


def main() -> None:
    """Set the servers up, run the acts, print the table."""
    began = time.monotonic()
    with Rig() as rig, tempfile.TemporaryDirectory(prefix="tagship-demo-") as folder:
        for host in rig.hosts:
            rig.reset(host)
        demo = _stage(rig, Path(folder) / "atlas-investor")
        print(f"The stage is set: {time.monotonic() - began:.0f} s.", flush=True)
        _play(demo)
        for host in rig.hosts:
            rig.reset(host)
    print(f"\n{table(demo.rows, head=('what', 'took', 'under load'))}")
    print(f"\nDone in {time.monotonic() - began:.0f} s. Nothing of it is left running.")


def _stage(rig: Rig, folder: Path) -> Demo:
    app = Application(folder)
    names = dict(zip(("staging", "production"), rig.hosts, strict=False))
    environments = "".join(
        _ENVIRONMENT.format(name=name, engine=host.ssh_url, address=host.address, edge=rig.image("caddy"))
        for name, host in names.items()
    )
    variables = {name: runtime_variables(rig, host.address) for name, host in names.items()}
    app.configure(f"environments:\n{environments}", variables, build_variables(rig))
    app.use_registry(f"{rig.registry.address}/atlas")
    made_up = {name: secrets.token_urlsafe(24) for name in ("SECRET_KEY", "POSTGRES_PASSWORD")}
    return Demo(rig, app, {**os.environ, **rig.laptop.environment, **made_up})


def _play(demo: Demo) -> None:
    staging, production = (host.address for host in demo.rig.hosts[:2])
    first = demo.app.commit("Version 1")
    demo.quietly("version 1 built and pushed", lambda: demo.tagship("build", "push"))
    demo.quietly("databases and caches of both environments started", demo.start_accessories)
    for name in ("staging", "production"):
        demo.quietly(f"{name}: version 1 live", partial(demo.tagship, "deploy", "--env", name))

    demo.app.second_version()
    demo.app.commit("Version 2: bedrooms, with a migration")
    demo.act("staging: version 2 live, with a migration", staging, lambda: demo.tagship("ship", "--env", "staging"))
    demo.act("production: version 2 live", production, lambda: demo.tagship("deploy", "--env", "production"))

    demo.app.broken_version()
    demo.app.commit("Version 3: finds nothing")
    demo.act("staging: broken version 3 refused", staging, lambda: demo.tagship("ship", "--env", "staging", fails=True))
    demo.act(
        "production: rolled back to version 1",
        production,
        lambda: demo.tagship("rollback", "--env", "production", "--to", first[:10]),
    )
    demo.act("staging: rolled back to version 1", staging, lambda: demo.tagship("rollback", "--env", "staging"))
    demo.tagship("status")
    demo.tagship("history", "--env", "staging")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a job that is cancelled leaves nothing, either
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("\nStopped. Nothing of it is left running.")
