"""What killed backups and restores left on a server is removed by the next one."""

from tagship.backups import leftovers
from tagship.engine.client import Engine
from tagship.names import Place
from tests.fakes.servers import Answer, Server

PLACE = Place("shop", "production")


def test_containers_that_ended_or_never_started_go_and_those_that_run_or_just_begin_stay(
    daemon: Server, engine: Engine
) -> None:
    now = engine.now()
    found = {
        "ended": ("exited", now - 5),
        "dead": ("dead", now - 5),
        "stillborn": ("created", now - 90),
        "runs": ("running", now - 9000),
        "begins": ("created", now - 5),
    }
    listed = [{"Id": name, "State": state, "Created": int(at)} for name, (state, at) in found.items()]
    daemon.answers["GET /containers/json"] = Answer(body=listed)
    daemon.answers["DELETE /containers/ended"] = Answer(204)
    daemon.answers["DELETE /containers/dead"] = Answer(409, {"message": "removal is already in progress"})

    leftovers.sweep(engine, PLACE)  # the stillborn one is gone: 404

    gone = [request.path.rpartition("/")[2] for request in daemon.requests if request.method == "DELETE"]
    assert gone == ["ended", "dead", "stillborn"]
    assert "tagship.workbench=shop-production" in daemon.requests[0].query["filters"]
