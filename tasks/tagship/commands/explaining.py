"""Makes the script that `--explain` prints."""

from tagship.deploy import planning
from tagship.deploy.order import Order
from tagship.engine import containers, networks
from tagship.explain.scene import Scene
from tagship.explain.script import script
from tagship.images import pulls
from tagship.reporting.progress import Progress
from tagship.server.session import Session


def explained(session: Session, what: Order, progress: Progress) -> str:
    """The order's plan as a script of docker commands; changes nothing. Raises CheckError if it would be refused."""
    engine = session.engine
    with session.looked_at() as environment:
        planned = planning.planned(environment, what, progress)
        new = planned.candidate.rendered
        images = {
            *new.release.images.values(),
            *(planned.reverse.rendered.release.images.values() if planned.reverse else ()),
        }
        http, etag = environment.edge.configuration() if environment.edge else ({}, "")
        scene = Scene(
            planned,
            session.settings,
            api=engine.api,
            everyone=containers.listed(engine),
            networks=networks.listed(engine),
            images=pulls.known(engine, images),
            http=http,
            etag=etag,
            last=environment.last,
        )
        return script(scene)
