"""Every workflow and action of ours, and the starters of four apps, through three linters."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tagship.github import workflows as starters
from tagship.project import file as config_file
from tagship.project.backup_settings import BackupSettings
from tagship.project.preview_settings import PreviewSettings
from tagship.project.schema import Config

ROOT = Path(__file__).resolve().parent.parent.parent
CHECKER = Path(__file__).parent / "languageservice"
STORES = ("aws-sm://atlas/production", "vault://secret/atlas?role=atlas")
"""A job that logs in to both."""
REGISTRIES = {"embedded": "embedded", "ghcr": "ghcr.io/owner/atlas", "other": "registry.example.com/atlas"}


def main() -> int:
    """Run them all; the number of those that found something."""
    with tempfile.TemporaryDirectory(prefix="tagship-lint-") as name:
        folder = Path(name)
        _collect(folder)
        workflows = sorted(folder.glob("**/.github/workflows/*.yml"))
        dependabots = sorted(folder.glob("**/dependabot.yml"))
        return sum(
            (
                _fails("zizmor", "--offline", "--strict-collection", "--persona", "auditor", "--quiet", str(folder)),
                _schema("github-actions", [folder / "action.yml"]),
                _schema("github-workflows", workflows),
                _schema("dependabot", dependabots),
                _githubs_own([folder / "action.yml", *workflows]),
            )
        )


def _collect(folder: Path) -> None:
    """Copies in a separate folder, so that the linters see nothing else of the work tree."""
    shutil.copy(ROOT / "action.yml", folder)
    shutil.copytree(ROOT / ".github", folder / ".github")
    example = with_backups(config_file.load(ROOT / "examples" / "atlas-investor" / "tagship.yml"))
    action = starters.Action(f"OWNER/tagship@{'0' * 40}", "v0.1.0")
    apps = {name: example.model_copy(update={"registry": registry}) for name, registry in REGISTRIES.items()}
    stored = {n: each.model_copy(update={"secrets": STORES}) for n, each in example.environments.items()}
    apps["stores"] = example.model_copy(update={"environments": stored})
    for name, app in apps.items():
        for path, text in starters.render(app, action).items():
            (folder / name / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / name / path).write_text(text)


def with_backups(config: Config) -> Config:
    """The configuration with backups in S3 and with previews, whose workflows are rendered, too."""
    backups = BackupSettings(store="s3://backups", recipients=("age1",))
    environments = {n: each.model_copy(update={"backups": backups}) for n, each in config.environments.items()}
    previews = PreviewSettings(like="staging", url="https://pr-{number}.preview.example.com")
    return config.model_copy(update={"environments": environments, "previews": previews})


def _schema(kind: str, paths: list[Path]) -> bool:
    return _fails("check-jsonschema", "--quiet", "--builtin-schema", f"vendor.{kind}", *map(str, paths))


def _githubs_own(paths: list[Path]) -> bool:
    if not shutil.which("npm"):
        sys.stderr.write("GitHub's own checker needs npm, which is not installed: apt-get install npm\n")
        return "CI" in os.environ
    if not (CHECKER / "node_modules").exists() and _fails("npm", "ci", "--silent", cwd=CHECKER):
        return True
    return _fails("node", str(CHECKER / "validate.mjs"), *map(str, paths))


def _fails(*argv: str, cwd: Path = ROOT) -> bool:
    beside = Path(sys.executable).with_name(argv[0])
    return (
        subprocess.run([str(beside) if beside.exists() else argv[0], *argv[1:]], cwd=cwd, check=False).returncode != 0
    )


if __name__ == "__main__":
    sys.exit(main())
