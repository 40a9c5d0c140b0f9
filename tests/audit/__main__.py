"""`nox -s audit`: asks PyPI and npm about every locked package, and lists what the action installs in dist/.

Ends with 1 for a known vulnerability that exceptions.toml doesn't except, and for a question without an answer.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from tests.audit.findings import Finding, UnansweredError, exemptions, of_npm_audit, of_pip_audit, problems

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(sys.executable).parent
ACTION = ROOT / "action/requirements-backups-sentry.txt"
"""The largest that the action installs: the others are parts of it."""


def main() -> None:
    """Print what is known, or end with it."""
    try:
        found = [
            *(each for path in _locks() for each in ask_about_python(path)),
            *(each for path in _npm_locks() for each in ask_about_npm(path)),
        ]
    except UnansweredError as error:
        sys.exit(f"This can't be audited: {error}\nRun it where PyPI's and npm's own services can be reached.")
    excepted = exemptions((Path(__file__).parent / "exceptions.toml").read_text())
    if lines := problems(found, excepted, datetime.now(UTC).date()):
        sys.exit("\n".join(lines))
    print(f"Nothing known against {len(_locks())} lists of Python packages and {len(_npm_locks())} of npm's")
    _run("zizmor", "--quiet", "--persona", "auditor", *([] if "GH_TOKEN" in os.environ else ["--offline"]), ".")
    _list_parts(ROOT / "dist/action.cdx.json")


def ask_about_python(path: Path, *service: str) -> list[Finding]:
    """What PyPI knows, or another service of pip-audit's, of the packages that a file locks. Raises UnansweredError."""
    done = _call("pip-audit", *service, "--disable-pip", "--require-hashes", "--progress-spinner", "off",
                 "--format", "json", "--requirement", str(path))  # fmt: skip
    if not done.stdout:
        raise UnansweredError(f"{path.name}: {done.stderr.strip().splitlines()[-1]}")
    return of_pip_audit(done.stdout, path.name)


def ask_about_npm(path: Path, *registry: str) -> list[Finding]:
    """What the registry knows of the packages that a package-lock.json locks. Raises UnansweredError."""
    done = _call("npm", "audit", "--json", "--package-lock-only", *registry, cwd=path.parent)
    return of_npm_audit(done.stdout, f"{path.parent.name}/{path.name}")


def _locks() -> list[Path]:
    return sorted([*ROOT.glob("requirements/*.txt"), *ROOT.glob("action/requirements*.txt")])


def _npm_locks() -> list[Path]:
    listed = _call("git", "ls-files", "-z", "*package-lock.json").stdout
    if not listed:
        sys.exit("git lists no package-lock.json: run this in a checkout")
    return [ROOT / path for path in filter(None, listed.split("\0"))]


def _list_parts(sbom: Path) -> None:
    """CycloneDX, of an environment with all that the action may install."""
    with tempfile.TemporaryDirectory(prefix="tagship-audit-") as folder:
        _run(sys.executable, "-m", "venv", folder)
        _run(f"{folder}/bin/pip", "install", "--quiet", "--require-hashes", "--requirement", str(ACTION))
        sbom.parent.mkdir(exist_ok=True)
        _run("syft", "scan", f"dir:{folder}", "--quiet", "--output", f"cyclonedx-json={sbom}")
    print(f"{sbom.relative_to(ROOT)}: {sbom.stat().st_size:,} bytes")


def _run(*argv: str) -> None:
    done = _call(*argv)
    if done.returncode:
        sys.exit(f"{argv[0]} found something:\n{done.stdout}{done.stderr}")


def _call(*argv: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    program = str(PROGRAMS / argv[0]) if (PROGRAMS / argv[0]).exists() else shutil.which(argv[0])
    if not program:
        sys.exit(f"{argv[0]} isn't installed")
    variables = os.environ | {"SYFT_CHECK_FOR_APP_UPDATE": "false"}
    return subprocess.run([program, *argv[1:]], cwd=cwd, env=variables, capture_output=True, text=True, check=False)


if __name__ == "__main__":
    main()
