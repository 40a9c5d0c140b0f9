"""What stands in tagship.yml, a Compose file, a variables file and the ledger, and what containers print."""

import json
import re
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tagship.commands import status
from tagship.errors import ConfigError, SecretsError
from tagship.images import definition
from tagship.names import Version
from tagship.project import file as config_file
from tagship.project.schema import Config
from tagship.proof import ledger
from tagship.release import findings, references, render, selection, usage
from tagship.release.model import Release, Shape, Sources
from tagship.release.shape import shape
from tagship.reporting import loglines
from tagship.variables import files, parsing
from tests.fakes.builders import PLACE, entry, rendered, sha
from tests.unit.fuzz import how

SETTINGS: dict[str, Any] = {
    "app": "shop",
    "registry": "embedded",
    "compose": ["docker-compose.yml"],
    "routes": {"/*": "web:8000"},
    "smoke": [{"path": "/", "status": 200, "json": {"a.b": 1}}],
    "edge": {"http": 80, "networks": "10.213.0.0/16", "image": "caddy:2"},
    "release": {"migrations": {"service": "web", "framework": "django"}, "bake": "1m", "accessories": "db"},
    "test": {"web": {"run": "pytest", "coverage": {"report": "x.xml", "minimum": 90}}},
    "hooks": {"before-deploy": ["true"]},
    "notify": [{"to": "slack", "url": "HOOK", "on": ["failed"]}],
    "backups": {"store": "file:///x", "recipients": ["age1"], "drill": {"max-age": "30d"}},
    "maintenance": {"page": "x.html"},
    "environments": {"staging": {"engine": "local", "url": "http://localhost", "keep": 3}},
}
TEXT = yaml.safe_dump(SETTINGS, sort_keys=False)
TOKENS = st.sampled_from(
    [
        "\n",
        "  ",
        ":",
        "- ",
        "{",
        "}",
        "[",
        "]",
        "&a ",
        "*a",
        "!!",
        "'",
        '"',
        "|",
        "#",
        "\t",
        "\0",
        "on: ",
        "<<: ",
        "? ",
        "é",
        "\ud800",
    ]
)


@st.composite
def edited(draw: st.DrawFn) -> str:
    """The text with some parts lost, doubled, or replaced by what YAML has its own ideas of."""
    text = TEXT
    for _ in range(draw(st.integers(1, 3))):
        first, second = sorted((draw(st.integers(0, len(text))), draw(st.integers(0, 12))))
        text = text[:first] + draw(TOKENS | st.just("")) + text[min(len(text), first + second) :]
    return text


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all inputs of a test."""
    return tmp_path_factory.mktemp("fuzz")


def loaded(path: Path, text: str) -> Config | None:
    """The configuration, or None for one that is refused with a line."""
    path.write_bytes(
        text.encode(errors="surrogateescape" if "\udc80" <= max(text, default="") <= "\udcff" else "replace")
    )
    try:
        return config_file.load(path)
    except ConfigError as error:
        assert error.problem.startswith(str(path))
        assert error.hint or "did you mean " in error.problem
        return None


@how.fuzzed
@given(text=edited() | how.bent(SETTINGS).map(json.dumps) | st.text(max_size=40))
def test_tagship_yml_may_hold_anything(folder: Path, text: str) -> None:
    if config := loaded(folder / "tagship.yml", text):
        try:
            shape(config, SERVICES["services"])
        except ConfigError as error:
            assert error.hint


ODD = st.sampled_from(["${X}", "${X:-1}", "$$", "", "0", "⟦X⟧"])
WEB: dict[str, Any] = {
    "build": {
        "context": ".",
        "args": {"A": "b"},
        "secrets": [{"source": "key"}],
        "additional_contexts": {"x": "service:web"},
    },
    "image": "x",
    "command": ["x"],
    "entrypoint": [],
    "environment": {"COLOR": "${COLOR}", "B": None},
    "depends_on": {"db": {"condition": "service_started", "required": True}},
    "volumes": [
        {"type": "bind", "source": "/x", "target": "/x", "read_only": True},
        {"type": "volume", "source": "data", "target": "/d"},
    ],
    "healthcheck": {"test": ["CMD", "true"], "interval": "5s", "disable": False},
    "deploy": {"replicas": 2, "restart_policy": {"condition": "none"}},
    "scale": 1,
    "privileged": True,
    "cap_add": ["ALL"],
    "security_opt": ["seccomp=unconfined"],
    "pid": "host",
    "network_mode": "host",
    "devices": [{"source": "/x"}],
    "networks": {"default": {"aliases": ["x"]}, "other": None},
    "ports": [{"target": 80, "published": "80"}],
    "configs": [{"source": "conf", "target": "/x"}],
    "secrets": [{"source": "key"}],
    "profiles": ["x"],
    "restart": "no",
    "labels": {"a": "b"},
    "post_start": [{"command": ["x"]}],
    "env_file": [{"path": "x.env", "required": True}],
}
SERVICES: dict[str, Any] = {
    "name": "shop",
    "services": {"web": WEB, "db": {"image": "postgres"}},
    "volumes": {"data": {"driver_opts": {"o": "bind", "device": "/x"}}},
    "configs": {"conf": {"file": "x.conf"}},
    "secrets": {"key": {"environment": "KEY"}},
}


def lacking(right: object) -> st.SearchStrategy[Any]:
    """A model that Compose could have printed: any part may be absent, and any text a reference."""
    if isinstance(right, dict):
        return st.fixed_dictionaries({}, optional={key: lacking(value) for key, value in right.items()})
    if isinstance(right, list):
        return (
            st.lists(
                st.one_of([lacking(item) if not isinstance(item, dict) else whole(item) for item in right]), max_size=2
            )
            if right
            else st.just([])
        )
    if right is None:
        return st.none()
    return st.just(right) | ODD


def whole(right: dict[str, Any]) -> st.SearchStrategy[Any]:
    """A mount, port and the like, which Compose prints with all its keys."""
    return st.fixed_dictionaries({key: lacking(value) for key, value in right.items()})


MODELS = st.fixed_dictionaries(
    {
        "name": st.just("shop"),
        "services": st.fixed_dictionaries(
            {}, optional={
                "web": lacking({key: value for key, value in WEB.items() if key not in {"depends_on", "networks"}}),
                "db": lacking(WEB["deploy"]).map(lambda deploy: {"image": "postgres", "deploy": deploy}),
            }
        ).filter(bool),
    },
    optional={key: st.just(SERVICES[key]) for key in ("volumes", "configs", "secrets")},
)  # fmt: skip


@how.fuzzed
@given(model=MODELS)
def test_a_compose_file_may_say_anything_that_compose_allows(model: dict[str, Any]) -> None:
    config = Config.model_validate(
        {
            **SETTINGS,
            "release": {},
            "compose": [],
            "environments": {"staging": {**SETTINGS["environments"]["staging"], "name": "staging", "app": "shop"}},
        }
    )
    version, sources = Version(sha("a")), Sources(model, {"x.conf": "", "x.env": ""})
    try:
        found: Shape = shape(config, model["services"])
        definition.image_names(model, found.services)
        findings.unplaced(model, found, ())
        findings.of(PLACE, version, model, found, services=found.services, allow=())
        findings.dropped(model, found)
        wanted = selection.select(sources, found.services)
        references.of(wanted.model, wanted.files)
        usage.usage(sources, found)
        build = selection.build_part(sources).model
        definition.definition(
            build,
            definition.image_names(build, tuple(build["services"])),
            Path("/x"),
            prefix="x",
            version=version,
            labels={},
        )
        render.render_release(
            PLACE, Release(version, {}, sources, found), wanted.model, wanted.files, "shop-staging-aaaaaaaa-000000"
        )
    except ConfigError as error:
        assert error.problem


LINE = ledger.line(entry(rendered("a")), "")
RECORD = ledger.encode_record(rendered("a").record)
LINES = how.damaged(LINE.encode()).map(lambda line: line.decode(errors="replace")) | how.bent(
    asdict(entry(rendered("a")))
).map(json.dumps)


@how.fuzzed
@given(
    lines=st.lists(LINES | st.just(LINE) | st.just("[" * 5_000), max_size=4),
    record=how.damaged(RECORD) | how.bent(json.loads(RECORD)).map(lambda found: json.dumps(found).encode()),
)
def test_the_ledger_and_its_records_may_hold_anything(lines: list[str], record: bytes) -> None:
    texts = tuple(lines)

    found = ledger.parse(texts)
    unread = ledger.unreadable(texts)
    list(ledger.breaks(texts))
    shown = status._shown(found, PLACE, wide=True) + status._shown(found, PLACE, wide=False)

    assert len(found) + len(unread) == len([line for line in texts if line])
    assert bool(shown) == bool(found)
    if decoded := ledger.decode_record(record):
        assert ledger.encode_record(decoded)
        assert decoded.release.version.short


@how.fuzzed
@given(
    text=st.text(max_size=60)
    | how.damaged(b"A=b\nexport C='d' # e\nF=\"g\"\n").map(lambda text: text.decode(errors="replace"))
)
def test_a_variables_file_may_hold_anything(text: str) -> None:
    found, at = files.plain(text)

    assert all(name.isidentifier() for name in found)
    assert 0 <= at <= text.count("\n") + 1


@how.fuzzed
@given(text=st.text(max_size=60) | how.json.map(json.dumps) | st.just("[" * 5_000) | st.just('{"A":' * 5_000))
def test_a_store_may_print_anything(text: str) -> None:
    try:
        found = parsing.secrets(text, frozenset({"A", ""}), "command://x")
    except SecretsError as error:
        assert error.hint
    else:
        assert all(isinstance(value.reveal(), str) for value in found.values())


@how.fuzzed
@given(
    text=st.text(max_size=60)
    | how.json.map(json.dumps)
    | st.lists(st.sampled_from(["\x1b", "[", "]", "2J", "31m", "\x07", "\x9b", "P", "\\", "c", ";", "{", '"'])).map(
        "".join
    )
)
def test_a_container_may_print_anything_and_changes_no_terminal(text: str) -> None:
    for color in (True, False):
        for line in loglines.rendered(text, terminal=True, color=color):
            assert not re.search(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]", re.sub(r"\x1b\[[0-9;:]*m", "", line))
    loglines.clock(text, datetime.now(UTC))
