"""Which Compose files are read, and what stands where in them."""

from pathlib import Path

import pytest
import yaml

from tagship.release.model import Sources
from tagship.setup import compose
from tagship.setup.compose import Choice, Compose
from tagship.source import compose_file

TEXT = """\
services:
  web:
    image: x
    volumes:
      - data:/data
      - ./src:/app
"""


def found(folder: Path, *names: str) -> Choice:
    """The choice among files of these names."""
    for name in names:
        (folder / name).touch()
    return compose.find(folder)


def test_the_file_that_compose_prefers_is_read_and_none_where_there_is_none(tmp_path: Path) -> None:
    assert found(tmp_path) == Choice()
    assert found(tmp_path, "docker-compose.yml", "compose.yaml").files == ("compose.yaml",)


def test_a_file_for_production_is_merged_and_those_for_development_are_left_out(tmp_path: Path) -> None:
    names = ("docker-compose.yml", "docker-compose.prod.yml", "docker-compose.override.yml")

    assert found(tmp_path, *names) == Choice(names[:2], names[2:])


def test_an_item_of_a_list_has_a_line_of_its_own() -> None:
    node = yaml.compose(TEXT, Loader=yaml.CSafeLoader)
    read = Compose(("compose.yaml",), {}, ((node,),) if node else ())

    assert read.at("web", "volumes", "./src") == "compose.yaml:6"
    assert read.at("web", "image") == "compose.yaml:3"
    assert read.at("web", "command") == ""


@pytest.mark.parametrize("given", [["A=1", "B=", "C"], {"A": 1, "B": "", "C": None}], ids=str)
def test_variables_are_the_same_in_both_of_composes_forms(given: object) -> None:
    assert compose.environment({"environment": given}) == {"A": "1", "B": "", "C": None}


@pytest.mark.parametrize(
    ("port", "target", "published"),
    [("8000", 8000, []), ("80:8000", 8000, [80]), ("127.0.0.1:80:8000/tcp", 8000, [80]), ("53:53/udp", None, [53])],
)
def test_a_port_is_read_in_the_short_form(port: str, target: int | None, published: list[int]) -> None:
    assert compose.ports({"ports": [port]}) == ((target,) if target else ())
    assert list(compose.published({"ports": [port]})) == published


def test_a_file_of_several_documents_is_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "compose.yaml").write_text(f"---\n---\nversion: '3'\n---\n{TEXT}")
    monkeypatch.setattr(compose_file, "sources", lambda *_: Sources({"services": {}}))

    read = compose.read(tmp_path, ("compose.yaml",), "shop")

    assert read.at("web", "image") == "compose.yaml:7"
