"""The companions of a deploy that tagship.yml asks for: its hooks, and notifications."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from tagship.companions.hooks import Hooks
from tagship.companions.notify import News, tell
from tagship.deploy.observed import Observed
from tagship.deploy.outcome import Outcome
from tagship.errors import HookError
from tagship.names import Holder, Version
from tagship.project.beside_settings import HookSettings
from tagship.project.schema import Config, Environment
from tagship.proof.ledger import Action
from tagship.release.model import Rendered
from tagship.reporting.progress import Progress


def facts(settings: Environment, holder: Holder) -> dict[str, str]:
    """What every hook gets as variables."""
    place = {"TAGSHIP_APP": settings.app, "TAGSHIP_ENVIRONMENT": settings.name, "TAGSHIP_URL": settings.url}
    return {**place, "TAGSHIP_BY": holder.who, "TAGSHIP_RUN": holder.run}


def around_build(
    settings: Config | Environment, version: Version, folder: Path, progress: Progress
) -> AbstractContextManager[None]:
    """The hooks around a build of a version."""
    place = {"TAGSHIP_APP": settings.app, "TAGSHIP_ENVIRONMENT": getattr(settings, "name", "")}
    told = {**place, "TAGSHIP_SHA": version.sha, "TAGSHIP_TAG": version.tag}
    return Hooks(settings.hooks, folder, progress, told).around("build")


@dataclass
class HookCompanion:
    """Runs the hooks of a deploy or a rollback."""

    hooks: Hooks
    _stage: str = field(default="deploy", init=False)

    @property
    def announcement(self) -> str:
        """The hooks, one line each."""
        names = [name.replace("_", "-") for name in HookSettings.model_fields if name != "within"]
        return "\n".join(f"{name}: {command}" for name in names for command in self.hooks.settings.of(name))

    def before(self, candidate: Rendered, before: Observed, action: Action) -> None:
        """Run `before-deploy` or `before-rollback`. Raises HookError; nothing was changed."""
        self._stage = "rollback" if action is Action.ROLLBACK else "deploy"
        version = candidate.release.version
        told = {"TAGSHIP_RELEASE": candidate.name, "TAGSHIP_PREVIOUS": before.live, "TAGSHIP_ACTION": str(action)}
        try:
            self.hooks.before(self._stage, {**told, "TAGSHIP_SHA": version.sha, "TAGSHIP_TAG": version.tag})
        except HookError as error:
            error.add_hint("nothing was changed")
            raise

    def around(self, stage: str, facts: Mapping[str, str]) -> AbstractContextManager[None]:
        """Run the hooks before and after a stage."""
        return self.hooks.around(stage, facts)

    def while_baking(self, *, last: bool) -> None:
        """Do nothing."""

    def after(self, outcome: Outcome) -> tuple[str, ...]:
        """Run `after-deploy` or `after-rollback`. Returns what failed."""
        return self.hooks.after(self._stage, {"TAGSHIP_SECONDS": f"{outcome.seconds:.0f}"})

    def give_up(self, why: str, serving: str) -> None:
        """Do nothing."""


@dataclass
class NotifyCompanion:
    """Tells people how a deploy or a rollback ended."""

    settings: Environment
    holder: Holder
    progress: Progress
    announcement: str = field(default="", init=False)
    _action: Action = field(default=Action.DEPLOY, init=False)
    _candidate: Rendered | None = field(default=None, init=False)

    def before(self, candidate: Rendered, before: Observed, action: Action) -> None:  # noqa: ARG002 - the protocol
        """Remember what is brought."""
        self._candidate, self._action = candidate, action

    def around(self, stage: str, facts: Mapping[str, str]) -> AbstractContextManager[None]:  # noqa: ARG002 - the protocol
        """Do nothing."""
        return nullcontext()

    def while_baking(self, *, last: bool) -> None:
        """Do nothing."""

    def after(self, outcome: Outcome) -> tuple[str, ...]:  # noqa: ARG002 - the protocol
        """Tell that it is live. Returns who couldn't be told."""
        return self._tell("rolled-back" if self._action is Action.ROLLBACK else "deployed")

    def give_up(self, why: str, serving: str) -> None:
        """Tell why it failed, and what serves."""
        for remark in self._tell("failed", why, serving):
            self.progress.note(remark)

    def _tell(self, what: str, why: str = "", serving: str = "") -> tuple[str, ...]:
        candidate = self._candidate
        release, sha = (candidate.name, candidate.release.version.sha) if candidate else ("", "")
        place = self.settings
        news = News(
            what, place.app, place.name, place.url, release, sha, self.holder.who, self.holder.run, why, serving
        )
        return tell(place.notify, news)
