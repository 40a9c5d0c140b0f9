"""SSH keys of the rig, made once: one for whoever logs in, one for each host."""

import threading
from pathlib import Path

from tests.rig import shell
from tests.rig.folder import Folder


def key(folder: Folder, name: str) -> Path:
    """The private key of that name; its public one lies beside it."""
    path = folder.cache / "keys" / name
    with _making:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.parent.chmod(0o700)
            shell.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"rig-{name}", "-f", path])
    return path


def public(folder: Folder, name: str) -> str:
    """The public key of that name, as one line."""
    return key(folder, name).with_suffix(".pub").read_text().strip()


_making = threading.Lock()
