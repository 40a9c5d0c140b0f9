"""Programs in a workbench, on real engines."""

import io
import time

import pytest

from tagship.backups.workbench import Workbench
from tagship.engine.client import Engine
from tagship.errors import BackupError
from tests.rig import Rig


@pytest.mark.parametrize("host", [0, 1], ids=["engine-28", "engine-20.10"])
def test_a_program_that_ends_while_a_long_stream_is_fed_to_it_is_noticed_with_its_words(rig: Rig, host: int) -> None:
    image = rig.image("tiny")
    rig.hosts[host].docker("pull", "--quiet", image)
    engine = Engine(rig.hosts[host].socket)
    engine.connect()
    script = "head -c 100000 > /dev/null; echo 'no space' >&2; exit 3"
    with Workbench(engine, "tagship-contract-feed", image, {"NetworkMode": "none"}) as bench:
        began = time.monotonic()
        with bench.open(["sh", "-c", script]) as program, pytest.raises(BackupError, match="code 3:\nno space"):
            program.feed(io.BytesIO(bytes(100_000_000)))
        took = time.monotonic() - began
    engine.close()

    assert took < 15


@pytest.mark.parametrize("host", [0, 1], ids=["engine-28", "engine-20.10"])
def test_a_workbench_of_an_image_with_a_volume_has_no_volume_that_an_engine_which_is_killed_could_leave(
    rig: Rig, host: int
) -> None:
    image = rig.image("postgis")
    rig.hosts[host].docker("pull", "--quiet", image)
    engine = Engine(rig.hosts[host].socket)
    engine.connect()
    with Workbench(engine, "tagship-contract-volume", image, {"NetworkMode": "none"}) as bench:
        declared = engine.get(f"/images/{image}/json")["Config"]["Volumes"]
        mounted = engine.get(f"/containers/{bench.id}/json")["Mounts"]
        named = bench.run(["stat", "-f", "-c", "%T", *declared]).split()
    engine.close()

    assert declared
    assert [mount for mount in mounted if mount["Type"] == "volume"] == []
    assert set(named) == {"tmpfs"}
