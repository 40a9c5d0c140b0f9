"""The tables of docs/reliability.md."""

from pathlib import Path

import pytest

from tests.faults import page
from tests.faults.case import SPECIAL, Result

MARKS = f"{page._VERDICT}\n{page._VERDICT_END}\n"  # noqa: SLF001
VERSIONS = {1: "28", 2: "20.10"}


def test_special_cases_and_the_others_are_written_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "page.md"
    path.write_text(page.PAGE.read_text().partition("<!--")[0] + MARKS + page._SPECIAL + "\n\n" + page._BEGIN + "\n")  # noqa: SLF001
    monkeypatch.setattr(page, "PAGE", path)
    killed = Result("SIGKILL", "deploy", "Record", "before", 1, reached=True, code=-9, after="deployed", requests=7)
    full = Result("the server's disk is full", SPECIAL, "", "", 2, reached=True, code=14, problems=["a | lock is left"])

    page.write([killed], VERSIONS)
    page.write([full], VERSIONS)
    page.write([killed], VERSIONS)

    text = path.read_text()
    assert text.startswith("# Reliability")
    assert text.count("| SIGKILL | before “Record” | 28 | killed | 0 of 7 |") == 1
    assert (
        text.count("1 cases, 1 kinds of faults at 1 steps of 1 commands; after 1 of them everything was in order.") == 1
    )
    assert text.index("everything was in order") < text.index("| SIGKILL |")
    assert text.count("| the server's disk is full | 20.10 | 14 | no load |  | no: a  lock is left |") == 1
