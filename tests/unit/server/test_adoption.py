"""What goes back to an old stack, and what keeps it from going back."""

from typing import Any

import pytest

from tagship.errors import CheckError
from tagship.names import Place
from tagship.server import adoption

PLACE, OTHER = Place("shop", "production"), Place("blog", "production")


def container(name: str, project: str = "old", **more: object) -> dict[str, Any]:
    """A container as the engine lists it."""
    labels = {"com.docker.compose.project": project, "com.docker.compose.service": "db"}
    return {"Id": name, "Names": [f"/{name}"], "Labels": labels, "State": "exited", **more}


class Engine:
    """Lists these, and notes what it is told to do."""

    def __init__(self, *there: dict[str, Any], bindings: dict[str, Any] | None = None) -> None:
        self.there = list(there)
        self.told: list[str] = []
        self._bindings = bindings or {}

    def get(self, path: str, **query: Any) -> Any:  # noqa: ANN401 - JSON
        """The list, all or what runs; a container's details."""
        if path != "/containers/json":
            return {"HostConfig": {"PortBindings": self._bindings}, "State": {}}
        if "filters" in query:
            key = query["filters"]["label"][0]
            return [raw for raw in self.there if key in raw["Labels"]]
        return [raw for raw in self.there if query.get("all") or raw["State"] == "running"]

    def call(self, method: str, path: str, _: object = None, **query: object) -> None:
        """Note it."""
        self.told.append(f"{method} {path} {query}")


class Session:
    """An environment on that engine."""

    def __init__(self, engine: Engine, place: Place = PLACE) -> None:
        self.engine: Any = engine
        self.place = place


def test_only_the_environment_that_took_a_stack_over_gives_it_back() -> None:
    engine = Engine(container(f"old-db-1.adopted-by-{PLACE}"))
    ours: Any = Session(engine)
    other: Any = Session(engine, OTHER)

    assert adoption.adopted(ours, "") == "old"
    with pytest.raises(CheckError, match="blog-production took over: none"):
        adoption.adopted(other, "old")
    assert adoption.start(other, "old", ()) == []
    assert engine.told == []


def test_a_database_doesn_t_start_beside_another_one_on_the_same_files() -> None:
    mount: dict[str, Any] = {"Mounts": [{"Type": "volume", "Name": "pg"}]}
    engine = Engine(
        container(f"old-db-1.adopted-by-{PLACE}") | mount,
        container("shop-production-accessories-db-1", "new") | mount | {"State": "running"},
    )
    session: Any = Session(engine)

    with pytest.raises(CheckError, match="has the volume pg, which shop-production-accessories-db-1 uses"):
        adoption.start(session, "old", ["db"])

    assert engine.told == []


@pytest.mark.parametrize(("others", "port"), [(1, 80), (0, 0)])
def test_a_port_that_the_edge_keeps_for_others_is_known_before_anything_goes(others: int, port: int) -> None:
    edge = container("tagship-edge", Labels={"tagship.edge": "always"}, Ports=[{"PublicPort": 80}])
    blog = container("blog", Labels={"tagship.app": "blog", "tagship.environment": "production"})
    old = container(f"old-web-1.adopted-by-{PLACE}")
    session: Any = Session(Engine(edge, old, *[blog] * others, bindings={"8000/tcp": [{"HostPort": "80"}]}))

    assert adoption.port_in_the_way(session, "old") == port
