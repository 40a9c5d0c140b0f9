"""`nox -s pictures`: real runs on the rig, drawn as docs/pictures/*.svg."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.hello import TAGSHIP, Hello
from tests.pictures.terminal import draw, screen
from tests.rig import Rig

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "pictures"


def main() -> None:
    """Play the scenes in their order, and leave the host bare."""
    PICTURES.mkdir(exist_ok=True)
    with Rig(images=["python", "caddy"]) as rig, tempfile.TemporaryDirectory(prefix="tagship-pictures-") as name:
        rig.reset(rig.hosts[0])
        _init(rig, Path(name) / "flask-redis")
        shop = Hello(rig, Path(name) / "shop", "shop")
        only = shop.settings["environments"]["host1"]
        shop.settings["environments"] = {"production": only}
        shop.commit()
        shop.ship("production")
        shop.commit(hello="hello again")
        shop.tagship("build")
        shop.tagship("push")
        for title in ("doctor --env production", "deploy --env production", "status"):
            _draw(shop, title, title.split()[0])
        shop.commit(**{"server = http": 'raise SystemExit("no such table: orders")\nserver = http'})
        shop.tagship("build")
        shop.tagship("push")
        _draw(shop, "deploy --env production", "failed")
        rig.reset(rig.hosts[0])


def _init(rig: Rig, folder: Path) -> None:
    shutil.copytree(ROOT / "tests/apps/flask-redis", folder)
    for words in (
        ["init", "--quiet"],
        ["add", "--all"],
        ["-c", "user.name=T", "-c", "user.email=t@example.com", "commit", "-qm", "1"],
    ):
        subprocess.run(["git", *words], cwd=folder, check=True)
    lines = screen(rig.laptop.command([TAGSHIP, "init", "--yes"]), cwd=folder, env=rig.laptop.environment)
    draw("tagship init --yes", lines, PICTURES / "init.svg")


def _draw(shop: Hello, words: str, name: str) -> None:
    argv = shop.rig.laptop.command([TAGSHIP, *words.split()])
    lines = screen(argv, cwd=shop.folder, env=shop.rig.laptop.environment)
    for line in lines:  # where this machine keeps them is nobody's business
        for path, shown in ((shop.folder, "~/shop"), (shop.rig.folder.cache / "keys", "~/.ssh")):
            line.plain = line.plain.replace(str(path), shown)
    print(f"$ tagship {words}", *(line.plain for line in lines), "", sep="\n")
    draw(f"tagship {words}", lines, PICTURES / f"{name}.svg")


if __name__ == "__main__":
    main()
