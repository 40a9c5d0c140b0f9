"""Faults of one moment or one place: `nox -s faults -- --special`. Each is a set-up, a deed and an expectation."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.faults.invariants import EDGE, locks
from tests.faults.points import Ended, Point
from tests.faults.stage import Stage

CREATE, MIGRATE, PULL, RECORD = (
    "Create a release", "Migrate the database if necessary", "Pull 1 image by digest", "Record",
)  # fmt: skip
SERVE = "server.serve_forever(poll_interval=0.05)"
START = 'GREETING = "hello"'
"""The line of the application that runs before it listens."""
ONE_OF_THREE = """import sys
first = f"/state/first-{os.environ['RELEASE_SHA']}"
try:
    with open(first, "x") as file:
        file.write(os.environ["HOSTNAME"])
except FileExistsError:
    pass
if open(first).read() == os.environ["HOSTNAME"]:
    sys.exit("one of three")
"""


@dataclass(frozen=True)
class Special:
    """A fault, and how the command may end that meets it."""

    name: str
    do: Callable[[Stage], Ended]
    codes: tuple[int, ...]
    says: str = ""
    """Words that it must say."""
    serves: bool = True
    """Whether no request may fail, because a release can serve all the while."""
    small_disk: bool = False
    """Whether the server's engine has a small disk."""


SPECIALS: dict[str, Special] = {}
Deed = Callable[[Stage], Ended]


def special(
    name: str, *codes: int, says: str = "", serves: bool = True, small_disk: bool = False
) -> Callable[[Deed], Deed]:
    """Name a case. They are tried in the order of this file."""

    def named(do: Deed) -> Deed:
        SPECIALS[name] = Special(name, do, codes, says, serves=serves, small_disk=small_disk)
        return do

    return named


@special("the new release never gets healthy", 12)
def _never_healthy(stage: Stage) -> Ended:
    stage.release["ready-within"] = "6s"
    stage.commit(**{SERVE: "time.sleep(3600)"})
    return stage.run("ship")


@special("the new release crashes at start", 12, says="no such table")
def _crashes(stage: Stage) -> Ended:
    stage.commit(**{START: f"raise SystemExit('no such table')\n{START}"})
    return stage.run("ship")


@special("the new release crashes 20 s after its start, in the bake", 12, 13, serves=False)
def _crashes_in_the_bake(stage: Stage) -> Ended:
    stage.release["bake"] = "40s"
    stage.commit(**{START: f"threading.Timer(20, lambda: os._exit(1)).start()\n{START}"})
    return stage.run("ship")


@special("the new release fails its smoke test before the cutover", 13)
def _fails_before(stage: Stage) -> Ended:
    stage.commit(**{START: 'GREETING = "goodbye"'})
    return stage.run("ship")


@special("the new release fails its smoke test after the cutover", 13)
def _fails_after(stage: Stage) -> Ended:
    once = stage.site.app.folder.parent / f"{stage.site.app.name}-once"
    once.unlink(missing_ok=True)
    stage.settings["smoke"] = [{"run": f"sh -c 'test ! -e {once} && touch {once}'"}]
    stage.commit()
    return stage.run("ship")


@special("the new release hits its memory limit at start", 12)
def _out_of_memory(stage: Stage) -> Ended:
    stage.web["mem_limit"] = "64m"
    stage.commit(**{START: f"hoard = b'x' * (200 << 20)\n{START}"})
    return stage.run("ship")


@special("one of three new replicas crashes at start", 12, says="one of three")
def _one_new_replica(stage: Stage) -> Ended:
    stage.web["deploy"] = {"replicas": 3}
    stage.commit(**{START: f"{ONE_OF_THREE}{START}"})
    return stage.run("ship")


@special("one of three live replicas is killed while a deploy runs", 0, serves=False)
def _one_live_replica(stage: Stage) -> Ended:
    stage.web["deploy"] = {"replicas": 3}
    stage.commit()
    stage.site.must("ship")
    stage.site.commit()
    return stage.at(Point(CREATE, "before"), lambda scene: scene.kill_containers(scene.containers(live=True)[0]))


@special("two services are killed at once and have each other's address", 0, serves=False)
def _swapped(stage: Stage) -> Ended:
    stage.compose["services"]["other"] = {**stage.web, "command": ["python3", "/other.py"]}
    stage.release["services"] = ["web", "other"]
    stage.settings["routes"] = {"/other/*": "other:8000", "/*": "web:8000"}
    stage.append("Dockerfile", "COPY other.py /other.py\n")
    stage.write("other.py", stage.read("server.py").replace(START, 'GREETING = "other"'))
    stage.commit()
    ended = stage.site.must("ship")
    stage.swap_addresses("web", "other")
    stage.expect_answers("/", "hello", 20)
    stage.expect_answers("/other/", "other", 20)
    return ended


@special("variables change while a deploy runs", 0)
def _changed_variables(stage: Stage) -> Ended:
    stage.site.commit()
    ended = stage.at(Point(CREATE, "before"), lambda _: stage.append(".env.build", "COLOR=changed\n"))
    stage.expect_answers("/", stage.site.wanted.color, 1)
    return ended


@special("the registry loses every other packet", 0)
def _slow_registry(stage: Stage) -> Ended:
    stage.site.commit()
    with stage.rule("OUTPUT", "--dport", "5000", "-m", "statistic", "--mode", "random", "--probability", "0.5"):
        return stage.run("ship")


@special("the registry answers garbage to the server", 7)
def _garbage(stage: Stage) -> Ended:
    stage.site.commit()
    with stage.garbage(5000):
        return stage.run("ship")


@special("the image of a stopped release is pruned, then a rollback", 0)
def _pruned_image(stage: Stage) -> Ended:
    stage.site.host.docker("image", "prune", "--all", "--force")
    stopped = stage.site.host.docker("ps", "-aq", "--filter", "status=exited", "--filter", stage.ours).split()
    images = [stage.site.host.docker("inspect", "-f", "{{.Image}}", each).strip() for each in stopped]
    stage.site.host.docker("rm", *stopped)
    stage.site.host.docker("rmi", "--force", *dict.fromkeys(images))
    return stage.run("rollback")


@special("two deploys of the same commit at once", 0)
def _same_commit(stage: Stage) -> Ended:
    stage.built()
    return stage.both(("deploy", "--wait", "60"), ("deploy", "--wait", "60"))


@special("two deploys of different commits at once", 0)
def _other_commit(stage: Stage) -> Ended:
    first = stage.built()
    second = stage.built()
    return stage.both(("deploy", "--sha", first, "--wait", "60"), ("deploy", "--sha", second, "--wait", "60"))


@special("a deploy and a rollback at once", 0)
def _both_ways(stage: Stage) -> Ended:
    stage.built()
    return stage.both(("deploy", "--wait", "60"), ("rollback", "--wait", "60"))


@special("a migration fails half-way", 11)
def _half_way(stage: Stage) -> Ended:
    stage.site.color += 1
    stage.release["migrations"]["apply"] = "sh -c 'echo half >> /state/half; exit 1'"
    stage.commit()
    return stage.run("ship")


@special("a migration is killed", 11)
def _killed_migration(stage: Stage) -> Ended:
    stage.site.color += 1
    stage.release["migrations"]["apply"] = "sleep 30"
    stage.commit()
    return stage.beside(lambda: stage.kill_running("sleep 30"), "ship")


@special("the deployer's clock is an hour fast", 0)
def _fast(stage: Stage) -> Ended:
    stage.site.commit()
    return stage.with_clock("3600", "ship")


@special("the deployer's clock is an hour slow", 0)
def _slow(stage: Stage) -> Ended:
    stage.site.commit()
    return stage.with_clock("-3600", "ship")


@special("the lock of a killed deploy, whose clock was an hour fast", 10, says="is locked by")
def _killed_fast(stage: Stage) -> Ended:
    stage.site.commit()
    stage.with_clock("3600", "ship", kill_when=lambda: bool(locks(stage.site.wanted)))
    stage.built()
    ended = stage.run("deploy")
    stage.site.free_lock(by_person=True)
    return ended


@special("the deployer's folder for temporary files is full", 0)
def _disk_full_here(stage: Stage) -> Ended:
    stage.site.commit()
    with stage.full_here():
        return stage.run("ship")


@special("the edge's configuration volume is lost", 0, serves=False)
def _config_lost(stage: Stage) -> Ended:
    stage.site.host.docker("rm", "--force", EDGE)
    stage.site.host.docker("volume", "rm", f"{EDGE}_config")
    stage.site.commit()
    return stage.run("ship")


@special("the ledger's last line is torn", 0, says="skipped an invalid line")  # before the case that loses it
def _torn(stage: Stage) -> Ended:
    stage.in_edge("""printf '%s' '{"at": "torn' >> ledger.jsonl""")
    stage.site.commit()
    stage.site.accepted = "is truncated: "  # the line stays, and `history --verify` goes on to say so
    return stage.run("ship")


@special("the state volume is lost", 0, serves=False)
def _state_lost(stage: Stage) -> Ended:
    stage.site.accepted = ""
    stage.site.host.docker("rm", "--force", EDGE)
    stage.site.host.docker("volume", "rm", "tagship")
    stage.site.commit()
    return stage.run("ship")


@special("the server's disk is full", 7, 9, 14, small_disk=True)
def _disk_full(stage: Stage) -> Ended:
    stage.site.commit()
    with stage.full():
        return stage.run("ship")


@special("the server's disk gets full before the release is created", 12, 14, small_disk=True)
def _disk_gets_full(stage: Stage) -> Ended:
    return _full_at(stage, Point(CREATE, "before"))


@special("the server's disk gets full before the record", 0, 12, 14, small_disk=True)
def _no_room_for_a_record(stage: Stage) -> Ended:
    return _full_at(stage, Point(RECORD, "before"))


def _full_at(stage: Stage, point: Point) -> Ended:
    stage.site.commit()

    def fill() -> Iterator[None]:
        with stage.full():
            yield
            running.wait(60)

    running = stage.site.start("ship", asks=True)
    return stage.came(running.go(point, fill), point)
