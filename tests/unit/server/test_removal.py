"""What goes from a server, in whatever state a removal that was killed left it."""

from tagship.deploy.removal import Thing
from tagship.engine.client import Engine
from tagship.server import removal
from tests.fakes.servers import Answer, Server


def test_a_container_that_the_engine_is_removing_already_is_waited_for(daemon: Server, engine: Engine) -> None:
    busy = Answer(409, {"message": "removal of container c1 is already in progress"})
    answers = iter((busy, busy, Answer(404, {"message": "no such container"})))
    daemon.answers |= {"GET /containers/json": Answer(body=[]), "DELETE /containers/c1": lambda _: next(answers)}

    removal.clear(engine, [Thing("c1", "web-1", "shop-staging-a", running=True)], anonymous=True)

    assert len(daemon.asked("DELETE /containers/c1")) == 3
