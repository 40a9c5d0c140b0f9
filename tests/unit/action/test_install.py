"""The tasks' environment is made without the user's Python being touched."""

import ensurepip
import hashlib
import importlib.util
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from action import install
from action.errors import ActionError

SENTRY, BACKUPS, BOTH, AWS, AWS_SENTRY = (
    install.REQUIREMENTS.with_name(f"requirements-{extras}.txt")
    for extras in ("sentry", "backups", "backups-sentry", "aws", "aws-sentry")
)
WHEEL = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def recorded(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The programs that would be run."""
    ran: list[list[str]] = []

    def run(argv: list[str], **_: object) -> SimpleNamespace:
        ran.append(argv)
        return SimpleNamespace(returncode=0, stdout="")

    monkeypatch.setattr("action.install.subprocess.run", run)
    return ran


def test_uv_is_used_where_it_is_on_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ran = recorded(monkeypatch)
    uv = tmp_path / "uv"
    uv.touch(mode=0o755)

    python = install.install(tmp_path / "venv", {"PATH": str(tmp_path)})

    assert [argv[1] for argv in ran] == ["venv", "pip"]
    assert "--require-hashes" in ran[1]
    assert python == tmp_path / "venv" / "bin" / "python"


def test_pip_installs_only_locked_wheels_into_the_new_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ran = recorded(monkeypatch)

    python = install.install(tmp_path / "venv", {"PATH": "/nowhere"})

    assert ran[0][0] == str(python)
    assert {"--require-hashes", "--only-binary", ":all:", "--no-deps"} <= set(ran[0])
    assert Path(ran[0][2]).name == "pip"


def test_a_package_that_the_runners_python_has_is_installed_all_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wheel = tmp_path / "wheels" / "thing-1-py3-none-any.whl"
    wheel.parent.mkdir()
    described = {"METADATA": "Metadata-Version: 2.1\nName: thing\nVersion: 1\n", "WHEEL": WHEEL, "RECORD": ""}
    with zipfile.ZipFile(wheel, "w") as file:
        for name, text in {"thing.py": "", **{f"thing-1.dist-info/{n}": t for n, t in described.items()}}.items():
            file.writestr(name, text)
    runners = tmp_path / "site-packages"
    zipfile.ZipFile(wheel).extractall(runners)
    (bundled,) = Path(ensurepip.__file__).parent.glob("_bundled/pip-*.whl")
    zipfile.ZipFile(bundled).extractall(runners)
    monkeypatch.setattr(install, "_pip", lambda: str(runners / "pip"))
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (tmp_path / "requirements.txt").write_text(f"thing==1 --hash=sha256:{digest}\n")

    offline = {"PATH": "/nowhere", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheel.parent)}
    python = install.install(tmp_path / "venv", offline, tmp_path / "requirements.txt")

    assert list((python.parents[1] / "lib").glob("*/site-packages/thing.py"))


@pytest.mark.parametrize(
    ("config", "dsn", "wanted"),
    [
        ("app: shop\n", "", install.REQUIREMENTS),
        ("app: shop\n# sentry: later\n", "", install.REQUIREMENTS),
        ("app: shop\nsentry: {org: acme}\n", "", SENTRY),
        ("environments:\n  production:\n    sentry:\n      org: acme\n", "", SENTRY),
        ("environments: {production: {engine: local, sentry: {org: acme}}}\n", "", SENTRY),
        ('{"app": "shop",\n"sentry": {"org": "acme"}}', "", SENTRY),
        ("app: shop\n", "https://key@sentry.example.com/1", SENTRY),
        ("app: shop\nbackups: {store: file:///srv}\n", "", BACKUPS),
        ("app: shop\nbackups: {store: file:///srv}\nsentry: {org: acme}\n", "", BOTH),
        ("app: shop\nsecrets: aws-sm://shop/production\n", "", AWS),
        ("app: shop\nregistry: 123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop\n", "", AWS),
        ("app: shop\nsecrets: [env://, 'aws-ssm://shop']\nsentry: {org: acme}\n", "", AWS_SENTRY),
        ("app: shop\nsecrets: aws-sm://shop\nbackups: {store: file:///srv}\n", "", BACKUPS),
    ],
)
def test_what_an_extra_needs_is_installed_only_where_it_is_spoken_of(
    tmp_path: Path, config: str, dsn: str, wanted: Path
) -> None:
    (tmp_path / "tagship.yml").write_text(config)

    assert install.requirements(tmp_path / "tagship.yml", {"TAGSHIP_SENTRY_DSN": dsn}) == (wanted,)
    assert wanted.is_file()


@pytest.mark.parametrize(
    ("run", "config", "scans"),
    [
        (["test", "lint"], "app: shop\n", True),
        (["ship"], "app: shop\n", True),
        (["test", "--component", "backend"], "app: shop\n", False),
        (["lint"], "app: shop\nsecret-scan: {when: never}\n", False),
        (["lint"], "app: shop\nsecret-scan:\n  when: never\n", False),
        (["lint"], "app: shop\nsecret-scan: {when: always}\n", True),
    ],
)
def test_the_search_for_secrets_is_installed_for_lint_unless_it_is_turned_off(
    tmp_path: Path, run: list[str], config: str, *, scans: bool
) -> None:
    (tmp_path / "tagship.yml").write_text(config)

    found = install.requirements(tmp_path / "tagship.yml", {}, run)

    assert (install.SCANNER in found, install.SCANNER.is_file()) == (scans, True)


def test_a_python_without_pip_takes_the_one_it_carries(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "pip" else find(name))

    pip = install._pip()  # noqa: SLF001 - which pip is the whole point

    wheel, within, _ = pip.partition(".whl/")
    assert "pip/__main__.py" in zipfile.ZipFile(f"{wheel}{within.rstrip('/')}").namelist()

    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ActionError, match="neither pip nor ensurepip"):
        install._pip()  # noqa: SLF001 - the same


def test_what_the_installer_said_is_told(tmp_path: Path) -> None:
    uv = tmp_path / "uv"
    uv.write_text("#!/bin/sh\necho 'no route to the index'\nexit 2\n")
    uv.chmod(0o755)

    with pytest.raises(ActionError, match="no route to the index"):
        install.install(tmp_path / "venv", {"PATH": str(tmp_path)})
