"""The tables of docs/reliability.md."""

from pathlib import Path

import pytest

from tests.faults import page
from tests.faults.case import SPECIAL, Result

VERSIONS = {1: "28", 2: "20.10"}


def test_special_cases_and_the_others_are_written_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "page.md"
    path.write_text(page.PAGE.read_text().partition("<!--")[0] + page._SPECIAL + "\n\n" + page._BEGIN + "\n")  # noqa: SLF001
    monkeypatch.setattr(page, "PAGE", path)
    killed = Result("SIGKILL", "deploy", "Record", "before", 1, reached=True, code=-9, after="deployed")
    full = Result("the server's disk is full", SPECIAL, "", "", 2, reached=True, code=14, problems=["a | lock is left"])

    page.write([killed], VERSIONS)
    page.write([full], VERSIONS)
    page.write([killed], VERSIONS)

    text = path.read_text()
    assert text.startswith("# Reliability")
    assert text.count("| SIGKILL | before “Record” | 28 | killed |") == 1
    assert text.count("| the server's disk is full | 20.10 | 14 | 0 of 0 |  | no: a  lock is left |") == 1
