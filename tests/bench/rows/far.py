"""The same application on a server that is 0, 50 and 100 ms away."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from tests.bench import far
from tests.bench.delay import DelayingProxy
from tests.bench.floor import Floor
from tests.bench.ours import Ours
from tests.bench.results import FLOOR, Row
from tests.bench.run import Run
from tests.bench.scene import Bench, Play, Scene
from tests.rig.network import GATEWAY

MILLISECONDS = (0, 50, 100)


@dataclass(frozen=True)
class Distant:
    """A contender, and the way to its server."""

    contender: Ours | Floor
    proxy: DelayingProxy

    def measure(self, run: Callable[[], Run], name: str) -> Mapping[str, float]:
        """The same at each distance, and the round trips that the proxy counted at the greatest."""
        took = {}
        for distance in MILLISECONDS:
            self.proxy.round_trip = distance / 1000
            self.proxy.turns.clear()
            took[distance] = run().seconds
        self.proxy.round_trip = 0
        trips = 1 + len(self.proxy.turns)  # TCP's own is over before the proxy sees it
        return {**{f"{name}-{distance}": seconds for distance, seconds in took.items()}, f"{name}-trips": trips}


@contextmanager
def stage(bench: Bench, who: str) -> Iterator[Distant]:
    """One release, shipped while the server was still near."""
    bench.rig.reset(bench.host)
    with far.far_away(bench.host) as proxy:
        folder = bench.fresh(f"far-{who}")
        contender: Ours | Floor
        if who == FLOOR:
            known = far.known_hosts(proxy, bench.host, bench.folder)
            ssh = ("-p", str(proxy.port), "-o", f"UserKnownHostsFile={known}")
            user = bench.host.ssh_url.removeprefix("ssh://").partition("@")[0]
            contender = Floor(bench.rig, bench.host, folder, server=f"{user}@{GATEWAY}", ssh=ssh)
        else:
            app = far.app(bench.rig, bench.host, proxy, folder, f"bench-far-{who}")
            contender = Ours(app, who, bench.programs[who], far.ENVIRONMENT)
        contender.prepare()
        yield Distant(contender, proxy)


def deploy(distant: Distant) -> Mapping[str, float]:
    """A new commit at each distance."""
    return distant.measure(distant.contender.ship, "deploy")


def rollback(distant: Distant) -> Mapping[str, float]:
    """Deploy, roll back, and deploy again."""
    return distant.measure(distant.contender.back, "rollback")


def _rows(name: str, title: str, trips: str) -> tuple[Row, ...]:
    rows = [Row(f"{name}-{distance}", f"{title}, server {distance} ms away") for distance in MILLISECONDS]
    return (*rows, Row(f"{name}-trips", f"{title}: round trips, SSH's and TCP's own included", "trips", trips))


SCENE = Scene(
    stage,
    (
        Play(deploy, _rows("deploy", "deploy", "≤ 20")),
        Play(rollback, _rows("rollback", "rollback", "≤ 14")),
    ),
)
