"""Watches a release's containers: none may end, be restarted or become unhealthy."""

from collections.abc import Mapping

from tagship.engine import containers
from tagship.engine.client import Engine
from tagship.engine.containers import Container
from tagship.errors import EngineError, RolloutError
from tagship.reporting import redaction
from tagship.secret import Secret

_LINES = 10
_ENDED = frozenset({"restarting", "exited", "dead"})


class Watch:
    """A release's containers, as they were when the watch began."""

    def __init__(self, engine: Engine, release: str, secrets: Mapping[str, Secret]) -> None:
        self._engine, self._release, self._secrets = engine, release, secrets
        self._before = {c.id: containers.restarts(engine, c.id) for c in containers.of(engine, release)}

    def look(self, when: str) -> None:
        """Raises RolloutError with the last log lines of a failing container; `when` completes the sentence."""
        for container in containers.of(self._engine, self._release):
            if wrong := self._wrong(container):
                words = redaction.hide(containers.last_words(self._engine, container.id), self._secrets)
                raise RolloutError(f"{container.service} {wrong} {when}:\n{words}")

    def words(self) -> str:
        """The last lines that its containers printed, without secrets."""
        try:
            ours = containers.of(self._engine, self._release)
            found = [(c.service, containers.last_words(self._engine, c.id)) for c in ours]
        except EngineError:  # one has just gone
            return ""
        lines = (f"  {service} | {line}" for service, words in found for line in words.splitlines()[-_LINES:])
        return redaction.hide("\n".join(lines), self._secrets)

    def _wrong(self, container: Container) -> str:
        """What is wrong with a container; empty for nothing."""
        if container.status.startswith("Exited (0)"):  # a one-shot that succeeded
            return ""
        if container.state in _ENDED or "unhealthy" in container.status:
            return f"is {container.status}"
        # it may run again before anybody looked
        again = containers.restarts(self._engine, container.id) > self._before.get(container.id, 0)
        return "crashed and was restarted" if again else ""
