"""The steps of a plan. A plan is flat and can be printed, because it contains secrets only by name."""

from dataclasses import dataclass

from tagship.deploy.canary import Terms, lasting
from tagship.deploy.rollback_plan import FIRST, Former, RollbackPlan
from tagship.release.model import Rendered, Served


@dataclass(frozen=True)
class Pull:
    """Pull images by digest."""

    images: tuple[str, ...]

    def __str__(self) -> str:
        return f"Pull {_count(len(self.images), 'image')} by digest"


@dataclass(frozen=True)
class Revive:
    """Start stopped accessories and wait until they are ready."""

    accessories: tuple[str, ...]

    def __str__(self) -> str:
        return f"Start the stopped {', '.join(self.accessories)} and wait until ready"


@dataclass(frozen=True)
class Prepare:
    """Create the release's network and volumes."""

    rendered: Rendered

    def __str__(self) -> str:
        return f"Prepare {self.rendered.name}"


@dataclass(frozen=True)
class Create:
    """Create the release's containers."""

    rendered: Rendered

    def __str__(self) -> str:
        return f"Create {self.rendered.name}"


@dataclass(frozen=True)
class Ask:
    """Start listing the pending migrations, in a one-off of the new image."""

    rendered: Rendered

    def __str__(self) -> str:
        return "Start listing pending migrations"


@dataclass(frozen=True)
class Migrate:
    """Declare the way back, then apply pending migrations with the new image."""

    rendered: Rendered
    former: Former = FIRST

    def __str__(self) -> str:
        return "Migrate the database if necessary"


@dataclass(frozen=True)
class Reverse:
    """Reverse migrations with the image that brought them."""

    rendered: Rendered
    plan: RollbackPlan

    def __str__(self) -> str:
        return f"Reverse {', '.join(self.plan.migrations)}"


@dataclass(frozen=True)
class Start:
    """Start services and wait until they are ready."""

    rendered: Rendered
    services: tuple[str, ...]

    def __str__(self) -> str:
        return f"Start {', '.join(self.services)} and wait until ready"


@dataclass(frozen=True)
class KeepAssets:
    """Keep the files of the routes with assets, for pages that another release delivered."""

    rendered: Rendered
    live: str
    """The release that is replaced; empty for none."""

    def __str__(self) -> str:
        routes = self.rendered.release.shape.routes
        return f"Keep the files of {', '.join(route.path for route in routes if route.assets)} for open pages"


@dataclass(frozen=True)
class Serve:
    """Let the edge serve these routes: the candidate's to requests with the deploy's key, the live ones to others."""

    candidate: Served
    live: Served
    to: str = ""
    """The release whose cutover also changes the live routes to the candidate's."""
    elsewhere: tuple[str, ...] = ()
    """URLs besides the environment's own."""
    here: bool = True
    """Whether the environment's own URL is served."""

    def __str__(self) -> str:
        also = f", at {', '.join(self.elsewhere)}{' too' if self.here else ''}" if self.elsewhere else ""
        return f"Serve {_count(len(self.candidate.routes), 'route')}{also}"


@dataclass(frozen=True)
class SmokeTest:
    """Check the candidate through the edge, or the public URL."""

    release: str
    candidate: bool

    def __str__(self) -> str:
        return "Smoke-test the candidate through the edge" if self.candidate else "Smoke-test the public URL"


@dataclass(frozen=True)
class Hold:
    """Wait for a person who looks at the candidate and decides."""

    release: str
    seconds: float

    def __str__(self) -> str:
        return f"Wait for a decision, {lasting(self.seconds)} at most"


@dataclass(frozen=True)
class Canary:
    """Send a share of all visitors to the candidate, and watch how it does."""

    release: str
    terms: Terms

    def __str__(self) -> str:
        return f"Canary: {self.terms}"


@dataclass(frozen=True)
class EndCanary:
    """Send all visitors to the live release again."""

    release: str
    """The candidate."""

    def __str__(self) -> str:
        return f"End the canary of {self.release}: all visitors reach the live release"


@dataclass(frozen=True)
class Cutover:
    """Switch traffic to a release."""

    to: str

    def __str__(self) -> str:
        return f"Cut over to {self.to}"


@dataclass(frozen=True)
class Bake:
    """Watch the new release."""

    release: str
    seconds: float

    def __str__(self) -> str:
        return f"Bake for {self.seconds:g} s"


@dataclass(frozen=True)
class Drain:
    """Wait until requests in flight have finished."""

    release: str
    seconds: float
    quiet: float = 0
    """Seconds without any: a stop right after the cutover could cut off one that was just being passed on."""

    def __str__(self) -> str:
        return f"Drain {self.release}"


@dataclass(frozen=True)
class Stop:
    """Stop containers of a release."""

    release: str
    services: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"Stop {', '.join(self.services) + ' of ' if self.services else ''}{self.release}"


@dataclass(frozen=True)
class Resume:
    """Start the stopped services of a release again."""

    release: str
    services: tuple[str, ...]

    def __str__(self) -> str:
        return f"Resume {', '.join(self.services)} of {self.release}"


@dataclass(frozen=True)
class Remove:
    """Remove a release's containers and network."""

    release: str

    def __str__(self) -> str:
        return f"Remove {self.release}"


Step = (
    Pull
    | Revive
    | Prepare
    | Ask
    | Create
    | Migrate
    | Reverse
    | Start
    | KeepAssets
    | Serve
    | Hold
    | Canary
    | EndCanary
    | SmokeTest
    | Cutover
    | Bake
    | Drain
    | Stop
    | Resume
    | Remove
)
Plan = tuple[Step, ...]


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
