"""The search for leaked secrets finds a value in every form that it looks for, so that finding none means something."""

import base64
import gzip
import json
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from tests import leaks
from tests.leaks import Canaries

VALUES = leaks.made()


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize(
    "written",
    [
        str,
        lambda value: value.replace("$", "$$"),
        json.dumps,
        lambda value: json.dumps(value, ensure_ascii=False),
        repr,
        quote,
        lambda value: value.encode().hex(),
        *(
            lambda value, before=before: base64.b64encode(f"{before}{value} and more".encode()).decode()
            for before in ("", "x", "xy", "xyz")
        ),
        lambda value: base64.urlsafe_b64encode(value.encode()).decode(),
        lambda value: value.splitlines()[-2 if value.startswith("-----") else -1],
    ],
)
def test_a_secret_is_found_in_every_form(name: str, written: object) -> None:
    assert callable(written)

    assert Canaries(VALUES).in_text(f"before {written(VALUES[name])} after") == {name}


def test_nothing_is_found_where_nothing_is() -> None:
    other = leaks.made()

    assert Canaries(VALUES).in_text(json.dumps(other)) == set()


def test_a_file_is_found_compressed_or_not_and_only_if_it_is_new(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(VALUES["PLAIN"])
    (tmp_path / "b.gz").write_bytes(gzip.compress(VALUES["SHORT"].encode()))
    (tmp_path / VALUES["PLAIN"]).touch()
    found = Canaries(VALUES).in_files([tmp_path], 0)

    assert sorted((path.name, name) for path, name in found) == sorted(
        [("a", "PLAIN"), ("b.gz", "SHORT"), (VALUES["PLAIN"], "PLAIN")]
    )
    assert list(Canaries(VALUES).in_files([tmp_path], time.time() + 60)) == []


def test_a_process_is_found_by_its_arguments_and_variables_and_a_file_that_lives_for_a_moment(tmp_path: Path) -> None:
    with leaks.watching(Canaries(VALUES), [tmp_path]) as seen:
        (tmp_path / "short").write_text(VALUES["PEM"])
        script = "import time; time.sleep(0.3)"
        environment = {"LEAK": VALUES["UNICODE"]}
        subprocess.run([sys.executable, "-c", script, VALUES["PLAIN"]], env=environment, check=True)
        (tmp_path / "short").unlink()

    assert {(kind, name) for _, kind, name in seen.processes} >= {("argv", "PLAIN"), ("environ", "UNICODE")}
    assert seen.files == {(str(tmp_path / "short"), "PEM")}
