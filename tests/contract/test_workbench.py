"""Programs in a workbench, on real engines."""

import io
import signal
import subprocess
import sys
import time

import pytest

from tagship.backups import workbench
from tagship.backups.workbench import Workbench
from tagship.engine.client import Engine
from tagship.errors import BackupError
from tagship.names import Place
from tests.rig import Rig

PLACE = Place("contract", "host1")
_COPIES = """
import sys
from pathlib import Path
from tagship.backups import sources
from tagship.engine.client import Engine
from tagship.names import Place
engine = Engine(Path(sys.argv[1]))
engine.connect()
with sources.volume(engine, Place("contract", "host1"), "films", sys.argv[2]) as tar:
    print(len(tar.read()), flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("host", [0, 1], ids=["engine-28", "engine-20.10"])
def test_a_program_that_ends_while_a_long_stream_is_fed_to_it_is_noticed_with_its_words(rig: Rig, host: int) -> None:
    image = rig.image("tiny")
    rig.hosts[host].docker("pull", "--quiet", image)
    engine = Engine(rig.hosts[host].socket)
    engine.connect()
    script = "head -c 100000 > /dev/null; echo 'no space' >&2; exit 3"
    with Workbench(engine, PLACE, "tagship-contract-feed", image, {"NetworkMode": "none"}) as bench:
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
    with Workbench(engine, PLACE, "tagship-contract-volume", image, {"NetworkMode": "none"}) as bench:
        declared = engine.get(f"/images/{image}/json")["Config"]["Volumes"]
        mounted = engine.get(f"/containers/{bench.id}/json")["Mounts"]
        named = bench.run(["stat", "-f", "-c", "%T", *declared]).split()
    engine.close()

    assert declared
    assert [mount for mount in mounted if mount["Type"] == "volume"] == []
    assert set(named) == {"tmpfs"}


@pytest.mark.parametrize("image", ["tiny", "postgis"])
@pytest.mark.parametrize("host", [0, 1], ids=["engine-28", "engine-20.10"])
def test_a_workbench_lives_as_long_as_it_hears_from_us(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, host: int, image: str
) -> None:
    rig.hosts[host].docker("pull", "--quiet", rig.image(image))
    engine = Engine(rig.hosts[host].socket)
    engine.connect()
    monkeypatch.setattr(workbench, "_LIFE", 2)
    monkeypatch.setattr(workbench, "_BEAT", 0.5)
    with Workbench(engine, PLACE, "tagship-contract-life", rig.image(image), {"NetworkMode": "none"}) as bench:
        time.sleep(5)
        assert bench.running

        bench._ended.set()  # noqa: SLF001 - no word goes through from now on, and nothing is closed

        end = time.monotonic() + 20
        while bench.running and time.monotonic() < end:
            time.sleep(0.2)
        assert not bench.running
    engine.close()


@pytest.mark.parametrize("host", [0, 1], ids=["engine-28", "engine-20.10"])
def test_a_copy_of_a_volume_that_is_killed_leaves_no_container(rig: Rig, host: int) -> None:
    image, docker = rig.image("tiny"), rig.hosts[host].docker
    volume = f"{PLACE}_films"
    fill = ("sh", image, "-c", "head -c 50000000 /dev/urandom > /v/film")
    docker("run", "--rm", "-v", f"{volume}:/v", "--entrypoint", *fill)
    argv = [sys.executable, "-c", _COPIES, str(rig.hosts[host].socket), image]
    copying = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert copying.stdout
    read = int(copying.stdout.readline())
    ours = ("ps", "-aq", "--filter", f"volume={volume}")
    while_it_copies = docker(*ours).split()

    copying.send_signal(signal.SIGKILL)
    copying.communicate()

    end = time.monotonic() + 10
    while (left := docker(*ours).split()) and time.monotonic() < end:
        time.sleep(0.1)
    for each in left:
        docker("rm", "--force", each)
    docker("volume", "rm", volume)
    assert (read > 0, len(while_it_copies), left) == (True, 1, [])
