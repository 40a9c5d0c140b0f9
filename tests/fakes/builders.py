"""Short builders of releases and observed environments."""

from collections.abc import Mapping, Sequence
from typing import Any

from tagship.deploy.observed import Observed, Standing
from tagship.deploy.rollout import GoodRelease
from tagship.names import Place, Version
from tagship.proof import ledger
from tagship.release.model import Configuration, Migrations, Release, Rendered, Route, Shape, Sources

Services = Mapping[str, Mapping[str, Any]]
"""The services of a Compose model."""

PLACE = Place("shop", "staging")
API = (Route("/api/*", "web", 8000),)
WEB = (Route("/*", "web", 8000),)
MIGRATIONS = Migrations("web", "command", ("show",), ("apply",))


def nobody(_host: str) -> dict[str, str]:
    """No credentials for any registry."""
    return {}


def sha(digit: str) -> str:
    """A full SHA that repeats one digit."""
    return digit * 40


def image(service: str, digit: str) -> str:
    """An image by digest."""
    return f"registry.example/shop/{service}@sha256:{digit * 64}"


def rendered(  # noqa: PLR0913 - what a release is made of
    digit: str = "a",
    services: Services | None = None,
    *,
    routes: tuple[Route, ...] = WEB,
    singletons: tuple[str, ...] = (),
    recreate: bool = False,
    accessories: tuple[str, ...] = (),
    migrations: Migrations | None = None,
    configuration: str = "0" * 64,
    built: str = "",
) -> Rendered:
    """A release of the commit whose SHA is that digit; one service, `web`, with a route, if nothing else is said.

    `built`: the digit of its images' digests, where they aren't of its own commit.
    """
    model = services or {"web": {}}
    version = Version(sha(digit))
    shape = Shape(tuple(model), routes, accessories, singletons, migrations, recreate)
    images = {service: image(service, built or digit) for service in model}
    name = PLACE.release_name(version, configuration)
    project = {"name": name, "services": model, "networks": {"default": {"name": name, "external": True}}}
    schema = f"{built or digit}{configuration}" if migrations else ""
    release = Release(version, images, Sources(project), shape)
    return Rendered(name, release, project, configuration=Configuration(schema=schema))


def standing(
    release: Rendered,
    created: float = 1,
    *,
    running: Sequence[str] | None = None,
    present: Sequence[str] | None = None,
) -> Standing:
    """A release's containers; by default, every service runs."""
    there = release.order if present is None else present
    return Standing(
        release.name,
        created,
        running={service: release.replicas(service) for service in (there if running is None else running)},
        present={service: release.replicas(service) for service in there},
    )


def good(release: Rendered) -> GoodRelease:
    """The completely running release that a failed rollout goes back to."""
    return GoodRelease(release.name, release.release, {service: release.replicas(service) for service in release.order})


def entry(release: Rendered, previous: str = "", *, action: str = "deploy", result: str = ledger.GOOD) -> ledger.Entry:
    """A ledger entry for a deploy of that release."""
    return ledger.Entry(
        "2026-01-01T00:00:00+00:00", action, result, release.name, release.release.version.tag, previous
    )


def observed(live: Rendered | None, *releases: Standing, history: Sequence[ledger.Entry] = ()) -> Observed:
    """An environment in which a release is live; only its containers are there, running, if nothing else is said.

    The ledger proves it, unless it holds something else.
    """
    return Observed(
        live=live.name if live else "",
        live_record=live.record if live else None,
        releases=releases or ((standing(live),) if live else ()),
        history=tuple(history) or ((entry(live),) if live else ()),
    )
