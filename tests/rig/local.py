"""This machine's settings for package managers, for use inside images."""

import configparser
import os
import re
from pathlib import Path

from tests.rig import shell

BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")
IN_IMAGES = BUNDLES[0]
PEM = re.compile(r"-----BEGIN CERTIFICATE-----\n.*?\n-----END CERTIFICATE-----", re.DOTALL)
PIP_SETTINGS = ("index-url", "proxy", "trusted-host", "timeout", "retries")


def certificates(tree: Path) -> dict[str, str]:
    """Authorities that this machine trusts and a fresh Debian tree doesn't, by file name."""
    fresh = {_body(path.read_text()) for path in (tree / "usr/share/ca-certificates").rglob("*.crt")}
    bundle = next((path for path in map(Path, BUNDLES) if path.exists()), None)
    found = PEM.findall(bundle.read_text()) if bundle else []
    extra = [text for text in found if _body(text) not in fresh]
    return {f"rig-{number}.crt": f"{text}\n" for number, text in enumerate(extra)}


# As in the public images: what apt downloads and indexes would only fatten each layer.
APT_CLEAN = """\
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin || true"; };
APT::Update::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin || true"; };
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Acquire::Languages "none";
"""


def apt_settings() -> str:
    """Proxies and date checks of this machine and what keeps layers small, as an apt.conf."""
    lines = shell.run(["apt-config", "dump", "Acquire"]).splitlines()
    wanted = re.compile(r"Acquire::(https?::Proxy|Check-).* \"[^\"]+\";$", re.IGNORECASE)
    return APT_CLEAN + "".join(f"{line}\n" for line in lines if wanted.match(line))


def pip_settings() -> str:
    """The index and how to reach it, as a pip.conf."""
    own = configparser.RawConfigParser()
    own.read(["/etc/pip.conf", Path.home() / ".config/pip/pip.conf"])
    values = dict(own.items("global")) if own.has_section("global") else {}
    environment = {name: os.environ.get(f"PIP_{name.upper().replace('-', '_')}") or values.get(name)
                   for name in PIP_SETTINGS}  # fmt: skip
    lines = [f"{name} = {value}\n" for name, value in environment.items() if value]
    return "".join(["[global]\n", f"cert = {IN_IMAGES}\n", *lines])


def npm_settings() -> str:
    """The registry and how to reach it, without credentials, as an npmrc."""
    wanted = re.compile(r"(@[^:]+:)?registry|https?-proxy|proxy|strict-ssl")
    files = (Path.home() / ".npmrc", Path("/usr/etc/npmrc"), Path("/etc/npmrc"))
    lines = [line for path in files if path.exists() for line in path.read_text().splitlines()]
    kept = [line for line in lines if wanted.fullmatch(line.partition("=")[0].strip())]
    return "".join(f"{line}\n" for line in [f"cafile={IN_IMAGES}", *kept])


def _body(pem: str) -> str:
    return "".join(pem.split())
