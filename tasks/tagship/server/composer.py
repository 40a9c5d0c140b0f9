"""A release as Compose gets it: its secrets filled in, each image by the name that the engine knows it by."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tagship.engine import compose, compose_socket, images, quirks
from tagship.engine.client import Engine
from tagship.errors import TagshipError
from tagship.images import pulls
from tagship.images.credentials import Credentials
from tagship.release import markers
from tagship.release.model import Rendered
from tagship.reporting import redaction
from tagship.system.parallel import ahead, together


class Composer:
    """Has Compose do what only Compose can. Holds secret values; hands them to Compose alone."""

    def __init__(self, engine: Engine, secrets: Mapping[str, str]) -> None:
        self._engine = engine
        self._secrets = secrets
        self._names: dict[str, str] = {}
        """Image → what the engine knows it by."""
        self._images: dict[str, dict[str, Any]] = {}
        """What the engine says of the release's images, by its names for them."""
        self._answers: dict[str, Any] = {}
        """What else Compose would ask the engine for, and is known."""

    def pull(self, images: Sequence[str], credentials: Credentials, there: pulls.Listed) -> None:
        """All at once; one that is there already costs no word with the registry."""
        self._names |= pulls.bring(self._engine, images, credentials, there)

    def look(self, rendered: Rendered) -> None:
        """Ask the engine what Compose would ask it about a release."""
        version = ahead(lambda: self._engine.get("/version"))
        names = sorted(self._needed(rendered))
        found = together(lambda name: images.image(self._engine, name) if name else None, names)
        self._images = {name: image for name, image in zip(names, found, strict=True) if image}
        self._answers = {"/version": version()}

    def know(self, network: Mapping[str, Any]) -> None:
        """Take the release's network as the engine has it, so that Compose needn't ask."""
        self._answers[compose_socket.network_query(network["Name"])] = [network]

    def image(self, name: str) -> dict[str, Any] | None:
        """What the engine says of an image; None for one that Compose is yet to pull."""
        return self._images.get(self.name(name))

    def name(self, image: str) -> str:
        """What the engine knows an image by."""
        if "@" in image and image not in self._names:
            self._names |= {image: image, **pulls.known(self._engine, [image])}
        return self._names.get(image, image)

    def create(self, rendered: Rendered) -> None:
        """Make a release's containers."""
        with self.hiding(), self._socket(rendered) as socket:
            compose.create(socket, self._runnable(rendered.model), self.variables(rendered))

    def run_once(self, rendered: Rendered, model: Mapping[str, Any], service: str, argv: tuple[str, ...]) -> str:
        """What a command says in a container of its own. Raises RolloutError when it fails."""
        filled = self._runnable(quirks.adapt(model, (0, 0)))
        with self.hiding():
            return compose.run_once(self._engine.socket, filled, service, argv, self.variables(rendered)).out

    def filled(self, model: Mapping[str, Any]) -> dict[str, Any]:
        """With its secrets, as this engine takes it."""
        filled: dict[str, Any] = markers.fill(quirks.adapt(model, self._engine.api), self._secrets)
        return filled

    def variables(self, rendered: Rendered) -> dict[str, str]:
        """Compose takes a secret or config by `environment:` from its own: those, and no others."""
        return {name: self._secrets[name] for name in markers.named(rendered.model) if name in self._secrets}

    @contextmanager
    def hiding(self) -> Iterator[None]:
        """What a program or a container said goes into an error without the secrets in it."""
        try:
            yield
        except TagshipError as error:
            if cut := self._engine.cut():  # what a program says of that is not to the point
                raise cut from None
            raise type(error)(redaction.hide(error.problem, self._secrets), hint=error.hint) from None

    def _runnable(self, model: Mapping[str, Any]) -> dict[str, Any]:
        """With everything filled in, each image as the engine knows it."""
        filled = self.filled(model)
        for service in filled["services"].values():
            if "image" in service:
                service["image"] = self.name(service["image"])
        return filled

    def _needed(self, rendered: Rendered) -> set[str]:
        return {self.name(settings.get("image", "")) for settings in rendered.model["services"].values()}

    @contextmanager
    def _socket(self, rendered: Rendered) -> Iterator[Path]:
        """What Compose speaks to; the engine itself where it may have to pull an image, or where little is known."""
        names = self._needed(rendered)
        if not self._answers or not names <= self._images.keys():
            yield self._engine.socket
            return
        known = self._answers | {f"/images/{name}/json": self._images[name] for name in names}
        with compose_socket.answering(self._engine, known) as socket:
            yield socket
