"""Debian packages and Debian trees, fetched without touching this machine's own apt or dpkg."""

import contextlib
import fcntl
import functools
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.rig import shell
from tests.rig.errors import RigError
from tests.rig.folder import MARK, Folder

MIRROR_VARIABLE = "TAGSHIP_RIG_MIRROR"
STABLE = "bookworm"
CURRENT = "forky"  # engine 28.5, compose 2.40, caddy 2.11
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
MACHINE_PACKAGES = ("docker-registry", "docker.io", "iproute2", "iptables", "openssh-server", "procps", "tini")
SPARED = ("usr/share/doc", "usr/share/man", "usr/share/locale")
# usr-is-merged: merged from the start, or usrmerge would do it later and bring all of Perl.
TREE_PACKAGES = "ca-certificates,usr-is-merged"

# `*` as a password: no password logs in, yet sshd doesn't take the account for a locked one.
FURNISH = """\
set -eu
mount -t proc proc "$1/proc"
printf '#!/bin/sh\\nexit 101\\n' > "$1/usr/sbin/policy-rc.d"
chmod +x "$1/usr/sbin/policy-rc.d"
cp -L /etc/resolv.conf "$1/etc/resolv.conf"
export DEBIAN_FRONTEND=noninteractive LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
root=$1
shift
chroot "$root" apt-get -q update
chroot "$root" apt-get -q -y --no-install-recommends -o Dpkg::Options::=--force-unsafe-io install "$@"
chroot "$root" apt-get clean
chroot "$root" useradd --create-home --shell /bin/bash --groups docker --password '*' deploy
"""

# An overlay's upper half becomes the layer. It is made in memory, for not every file system can hold one.
LAYER = """\
set -eu
tree=$1 layer=$2
shift 2
mount -t tmpfs tmpfs /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay overlay -o "lowerdir=$tree,upperdir=/mnt/upper,workdir=/mnt/work" /mnt/root
mount -t proc proc /mnt/root/proc
cp -L /etc/resolv.conf /mnt/root/etc/resolv.conf
export DEBIAN_FRONTEND=noninteractive LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
chroot /mnt/root apt-get -q update
chroot /mnt/root apt-get -q -y --no-install-recommends -o Dpkg::Options::=--force-unsafe-io install "$@"
chroot /mnt/root apt-get clean
umount /mnt/root/proc /mnt/root
rm -rf /mnt/upper/var/lib/apt /mnt/upper/etc/resolv.conf
cp --archive /mnt/upper "$layer"
"""


class Packages:
    """Fetches packages through a private apt and unpacks them below the rig's cache."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._apt = folder.packages / "apt"
        self._updated = False

    def unpacked(self, name: str, *packages: str) -> Path:
        """Unpack these packages together, once, and give the folder."""
        target = self._folder.tools / name
        with making(target) as part:
            if part:
                debs = target.with_name(f"debs-{name}")
                remove(debs)
                debs.mkdir(parents=True)
                part.mkdir()
                with alone(self._apt):
                    self._download(debs, packages)
                for deb in sorted(debs.glob("*.deb")):
                    self._run(["dpkg", "-x", deb, part])
                remove(debs)
        return target

    def tree(self) -> Path:
        """Make the smallest Debian tree; base images and machines start from it."""
        target = self._folder.packages / "debian"
        with making(target) as part:
            if part:
                self._debstrap(part)
                spare(part)
        return target

    def root(self) -> Path:
        """Make the tree that the rig's machines boot from: the smallest one and their programs."""
        with making(self._folder.root) as part:
            if part:
                self._run(["cp", "--archive", self.tree(), part])
                spaces = ["unshare", "--mount", "--propagation=private", "--pid", "--fork"]
                self._run([*spaces, "sh", "-c", FURNISH, "sh", str(part), *MACHINE_PACKAGES])
        return self._folder.root

    def layer(self, name: str, *packages: str) -> Path:
        """Install packages over the tree that machines boot from, once, and give what that adds to it."""
        target = self._folder.packages / "layers" / name
        with making(target) as part:
            if part:
                spaces = ["unshare", "--mount", "--propagation=private", "--pid", "--fork"]
                self._run([*spaces, "sh", "-c", LAYER, "sh", self.root(), part, *packages])
        return target

    @contextlib.contextmanager
    def archive(self) -> Iterator[Path]:
        """Give the smallest tree as a tar file that lasts as long as the context."""
        tar = self._folder.run / "debian.tar"
        try:
            shell.run(["tar", "-C", self.tree(), "-cf", tar, "."])
            yield tar
        finally:
            tar.unlink(missing_ok=True)

    def _debstrap(self, target: Path) -> None:
        tools = self.unpacked("mmdebstrap", "mmdebstrap") / "usr"
        argv = [
            "perl", str(tools / "bin/mmdebstrap"), "--mode=root", "--variant=minbase", "--format=directory",
            f"--hook-dir={tools / 'share/mmdebstrap/hooks/merged-usr'}",
            "--dpkgopt=force-unsafe-io",
            f"--include={TREE_PACKAGES}",
            STABLE, str(target), source(STABLE),
        ]  # fmt: skip
        self._run(argv, PATH=f"{tools}/bin:{os.environ['PATH']}")

    def _download(self, into: Path, packages: Sequence[str]) -> None:
        if not self._updated:
            self._configure()
            self._run(["apt-get", *self._options(), "-q", "update"])
            self._updated = True
        program = ["env", f"--chdir={into}", "apt-get", *self._options()]
        self._run([*program, "-q", "download", *packages])

    def _run(self, argv: Sequence[str | Path], **variables: str) -> None:
        """Mark what may take long, so that it is found and ended if the rig's owner is killed."""
        shell.run(argv, env={**os.environ, MARK: str(self._folder.path), **variables})

    def _configure(self) -> None:
        for name in ("etc", "state/lists/partial", "cache/archives/partial"):
            (self._apt / name).mkdir(parents=True, exist_ok=True)
        (self._apt / "etc/sources.list").write_text(f"{source(CURRENT)}\n")
        (self._apt / "state/status").touch()

    def _options(self) -> list[str]:
        """Leave the machine's own apt.conf (proxies) in force, but not its sources and state."""
        places = {
            "Dir::Etc::sourcelist": "etc/sources.list",
            "Dir::Etc::sourceparts": "-",
            "Dir::Etc::preferences": "-",
            "Dir::Etc::preferencesparts": "-",
            "Dir::State": "state",
            "Dir::State::status": "state/status",
            "Dir::Cache": "cache",
            "Dir::Cache::pkgcache": "cache/pkgcache.bin",
        }
        pairs = [f"{key}={self._apt / value}" for key, value in places.items()]
        # The rig's folder is usually below /root, where apt's own user can't write.
        return [part for pair in (*pairs, "APT::Sandbox::User=root") for part in ("-o", pair)]


def spare(tree: Path) -> None:
    """Drop what no test reads. Not by mmdebstrap's own filter, which takes 12 s."""
    for path in SPARED:
        remove(tree / path)
    rules = "".join(f"path-exclude=/{path}/*\n" for path in SPARED)
    (tree / "etc/dpkg/dpkg.cfg.d/spared").write_text(rules)


def source(suite: str) -> str:
    """Write one line of an apt sources list."""
    if not KEYRING.exists():
        message = f"{KEYRING} is missing: install the package debian-archive-keyring."
        raise RigError(message)
    return f"deb [signed-by={KEYRING}] {mirror()} {suite} main"


@functools.cache
def mirror() -> str:
    """Find the Debian mirror of this machine's own apt, or take the one named in the environment."""
    if named := os.environ.get(MIRROR_VARIABLE):
        return named
    filters = ["Created-By: Packages", "Origin: Debian", "Label: Debian", "Component: main"]
    known = shell.run(["apt-get", "indextargets", "--format", "$(REPO_URI)", *filters]).split()
    if not known:
        message = f"Set {MIRROR_VARIABLE} to a Debian mirror: this machine's apt knows none."
        raise RigError(message)
    return known[0]


def remove(path: Path) -> None:
    """Remove a file or a whole folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def alone(target: Path) -> Iterator[None]:
    """Nobody else makes it meanwhile: no other thread, and no process whose rig shares it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.with_name(f"{target.name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def making(target: Path) -> Iterator[Path | None]:
    """Give a name to make a folder under, or None if it is there; a half-made one never counts."""
    if target.exists():
        yield None
        return
    with alone(target):
        if target.exists():
            yield None
            return
        part = target.with_name(f"part-{target.name}")
        remove(part)
        yield part
        part.rename(target)
