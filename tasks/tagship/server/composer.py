"""Prepares a release for Compose: fills in its secrets, and uses the names that the engine has for its images."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tagship.engine import compose, compose_socket, images, quirks
from tagship.engine.client import Engine
from tagship.errors import RolloutError, TagshipError
from tagship.images import pulls
from tagship.images.credentials import Credentials
from tagship.migrations import frameworks
from tagship.release import markers
from tagship.release.model import Rendered
from tagship.reporting import redaction
from tagship.secret import Secret
from tagship.system.parallel import ahead, together


class Composer:
    """Runs Compose for a release. Holds the secrets' values and passes them only to Compose."""

    def __init__(self, engine: Engine, secrets: Mapping[str, Secret]) -> None:
        self._engine = engine
        self._secrets = dict(secrets)
        self._names: dict[str, str] = {}
        """Image → its name on the engine."""
        self._images: dict[str, dict[str, Any]] = {}
        """The engine's data of the release's images, by their names on the engine."""
        self._answers: dict[str, Any] = {}
        """Known answers to other requests of Compose."""

    def pull(self, images: Sequence[str], credentials: Credentials, there: pulls.Listed) -> None:
        """Pull missing images, all at once; existing ones cost no request to the registry."""
        self._names |= pulls.bring(self._engine, images, credentials, there)

    def look(self, rendered: Rendered) -> None:
        """Ask the engine what Compose would ask about a release."""
        version = ahead(lambda: self._engine.get("/version"))
        names = sorted(self._needed(rendered))
        found = together(lambda name: images.image(self._engine, name) if name else None, names)
        self._images = {name: image for name, image in zip(names, found, strict=True) if image}
        self._answers = {"/version": version()}

    def know(self, network: Mapping[str, Any]) -> None:
        """Use the engine's data of the release's network, so that Compose needn't ask for it."""
        self._answers[compose_socket.network_query(network["Name"])] = [network]

    def image(self, name: str) -> dict[str, Any] | None:
        """The engine's data of an image; None if Compose still has to pull it."""
        return self._images.get(self.name(name))

    def name(self, image: str) -> str:
        """An image's name on the engine."""
        if "@" in image and image not in self._names:
            self._names |= {image: image, **pulls.known(self._engine, [image])}
        return self._names.get(image, image)

    def create(self, rendered: Rendered) -> None:
        """Create a release's containers."""
        with self.hiding(), self._socket(rendered) as socket:
            compose.create(socket, self._runnable(rendered.model), self.variables(rendered))

    def run_once(
        self,
        rendered: Rendered,
        model: Mapping[str, Any],
        service: str,
        argv: tuple[str, ...],
        given: Mapping[str, Secret],
    ) -> str:
        """The output of a command in a one-off container. Raises RolloutError if it fails.

        `given`: variables that only this command gets, in place of the service's own.
        """
        named = markers.named(model)
        variables = self.variables(rendered) | {n: value.reveal() for n, value in given.items() if n in named}
        self._secrets |= {f"given.{name}": value for name, value in given.items()}
        shown = {name: redaction.marker(f"given.{name}") for name in given if name not in named}
        filled = self._runnable(quirks.adapt(frameworks.given(model, service, shown), (0, 0)))
        socket = self._engine.socket
        with self.hiding():
            try:
                return compose.run_once(socket, filled, service, argv, variables).out
            except RolloutError:
                if self._engine.socket != socket:  # it broke, and another thread has reconnected meanwhile
                    raise self._engine.unreachable(FileNotFoundError(str(socket))) from None
                raise

    def filled(self, model: Mapping[str, Any]) -> dict[str, Any]:
        """The model with its secrets, adapted to this engine."""
        filled: dict[str, Any] = markers.fill(quirks.adapt(model, self._engine.api), self._secrets)
        return filled

    def variables(self, rendered: Rendered) -> dict[str, str]:
        """The variables from which Compose takes secrets and configs with `environment:`."""
        return {name: self._secrets[name].reveal() for name in markers.named(rendered.model) if name in self._secrets}

    @contextmanager
    def hiding(self) -> Iterator[None]:
        """Hide secrets in errors that contain the output of programs or containers."""
        try:
            yield
        except TagshipError as error:
            if cut := self._engine.cut():  # the connection broke, so the program's message isn't the cause
                raise cut from None
            error.replace(lambda text: redaction.hide(text, self._secrets))
            raise error from None

    def _runnable(self, model: Mapping[str, Any]) -> dict[str, Any]:
        """The model with its secrets, and the images' names on the engine."""
        filled = self.filled(model)
        for service in filled["services"].values():
            if "image" in service:
                service["image"] = self.name(service["image"])
        return filled

    def _needed(self, rendered: Rendered) -> set[str]:
        return {self.name(settings.get("image", "")) for settings in rendered.model["services"].values()}

    @contextmanager
    def _socket(self, rendered: Rendered) -> Iterator[Path]:
        """The socket for Compose; the engine's own if images may have to be pulled, or if little is known."""
        names = self._needed(rendered)
        if not self._answers or not names <= self._images.keys():
            yield self._engine.socket
            return
        known = self._answers | {f"/images/{name}/json": self._images[name] for name in names}
        with compose_socket.answering(self._engine, known) as socket:
            yield socket
