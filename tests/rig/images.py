"""Base images that stand in for those of a public registry, made of Debian packages once."""

import functools
import hashlib
import http.client
import shutil
import threading
from pathlib import Path

from tests.rig import local
from tests.rig.errors import RigError
from tests.rig.folder import Folder
from tests.rig.laptop import Laptop
from tests.rig.packages import Packages, remove
from tests.rig.registry import Registry

RECIPES = Path(__file__).with_name("images")
# What each starts from; debian itself starts from the tree.
BASES: dict[str, tuple[str, ...]] = {
    "debian": (),
    "python": ("debian",),
    "node": ("python", "debian"),
    "postgis": ("debian",),
    "pgbackrest": ("postgis",),
    "redis": ("debian",),
    "caddy": ("debian",),
    "registry": ("debian",),
    "ruby": ("debian",),
    "php": ("debian",),
    "golang": ("debian",),
    "tiny": ("debian",),
}
NAMES = tuple(BASES)
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


class Images:
    """Builds a base image on the laptop when first asked for it and pushes it to the registry."""

    def __init__(self, folder: Folder, packages: Packages, laptop: Laptop, registry: Registry) -> None:
        self._folder = folder
        self._packages = packages
        self._laptop = laptop
        self._registry = registry
        self._locks = {name: threading.Lock() for name in NAMES}

    def reference(self, name: str) -> str:
        """Give a base image's name, for hosts and Dockerfiles; build it if it isn't there yet."""
        if name not in NAMES:
            message = f"The rig has no base image {name}: take one of {', '.join(NAMES)}."
            raise RigError(message)
        with self._locks[name]:
            identity = self._identity(name)
            if not self._pushed(name, identity):
                self._build(name, identity)
            elif not self._laptop.engine.has(f"{self._repository(name)}:{identity}"):
                self._pull(name, identity)
        return f"{self._repository(name)}:latest"

    def _build(self, name: str, identity: str) -> None:
        arguments = {base.upper(): self.reference(base) for base in BASES[name]}
        if name == "debian":
            arguments["TREE"] = self._imported()
        repository = self._repository(name)
        words = [f"--build-arg={key}={value}" for key, value in arguments.items()]
        words += [f"--tag={repository}:{tag}" for tag in ("latest", identity)]
        context = str(self._context(name))
        self._docker("buildx", "build", "--progress=plain", "--provenance=false", *words, context)
        self._docker("push", "--quiet", "--all-tags", repository)

    def _pull(self, name: str, identity: str) -> None:
        """Bring it to the laptop too: an old engine's builder refuses a registry without TLS."""
        repository = self._repository(name)
        self._docker("pull", "--quiet", f"{repository}:{identity}")
        self._docker("tag", f"{repository}:{identity}", f"{repository}:latest")

    def _repository(self, name: str) -> str:
        return f"{self._registry.address}/base/{name}"

    def _imported(self) -> str:
        tag = "tagship-rig/tree:latest"
        with self._packages.archive() as tar:
            self._docker("import", str(tar), tag)
        return tag

    def _context(self, name: str) -> Path:
        """Lay the recipe and what this machine adds to it into a folder."""
        context = self._folder.run / "images" / name
        remove(context)
        shutil.copytree(RECIPES / name, context)
        for path, text in self._added(name).items():
            (context / path).parent.mkdir(exist_ok=True)
            (context / path).write_text(text)
        if name == "caddy":
            shutil.copytree(self._packages.unpacked("caddy", "caddy") / "usr/bin", context / "bin")
        return context

    def _added(self, name: str) -> dict[str, str]:
        match name:
            case "debian":
                return {"apt.conf": local.apt_settings(), "certificates/README": "", **self._authorities}
            case "python":
                return {"pip.conf": local.pip_settings()}
            case "node":
                return {"npmrc": local.npm_settings()}
        return {}

    @functools.cached_property
    def _authorities(self) -> dict[str, str]:
        found = local.certificates(self._folder.root)
        return {f"certificates/{path}": text for path, text in found.items()}

    def _identity(self, name: str) -> str:
        """Change with the recipe, with what is added to it, and with its bases."""
        digest = hashlib.sha256()
        for base in BASES[name]:
            digest.update(self._identity(base).encode())
        for source in sorted((RECIPES / name).iterdir()):
            digest.update(f"{source.name}\0".encode() + source.read_bytes())
        for path, text in sorted(self._added(name).items()):
            digest.update(f"{path}\0{text}".encode())
        return digest.hexdigest()[:12]

    def _pushed(self, name: str, identity: str) -> bool:
        path = f"/v2/base/{name}/manifests/{identity}"
        return self._registry.status("HEAD", path, accept=MANIFEST) == http.client.OK

    def _docker(self, *words: str) -> None:
        done = self._laptop.run(["docker", *words], check=False)
        if done.returncode:
            message = f"docker {' '.join(words)}:\n{(done.stderr or done.stdout)[-3000:]}"
            raise RigError(message)
