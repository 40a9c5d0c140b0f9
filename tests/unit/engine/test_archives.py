"""Files in and out of containers."""

import tarfile

import pytest

from tagship.engine import archives
from tagship.engine.client import Engine
from tagship.errors import EngineError
from tests.fakes.servers import Answer, Server


def test_what_was_packed_is_read_by_its_path(daemon: Server, engine: Engine) -> None:
    packed = archives.pack([(tarfile.TarInfo("other"), b"x"), (tarfile.TarInfo("live"), b"shop\n")])
    daemon.answers["GET /containers/c1/archive"] = Answer(body=packed)

    assert archives.read(engine, "c1", "/srv/live") == b"shop\n"
    assert daemon.requests[0].query == {"path": "/srv/live"}


def test_a_folder_has_no_content(daemon: Server, engine: Engine) -> None:
    folder = tarfile.TarInfo("live")
    folder.type = tarfile.DIRTYPE
    daemon.answers["GET /containers/c1/archive"] = Answer(body=archives.pack([(folder, b"")]))

    assert archives.read(engine, "c1", "/srv/live") == b""


def test_a_file_that_is_not_there_raises(daemon: Server, engine: Engine) -> None:
    daemon.answers["GET /containers/c1/archive"] = Answer(404, {"message": "Could not find the file"})

    with pytest.raises(EngineError) as caught:
        archives.read(engine, "c1", "/srv/live")

    assert caught.value.status == 404
