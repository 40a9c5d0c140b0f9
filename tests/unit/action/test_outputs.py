"""Outputs can't be forged, and the step's files hold only what we wrote."""

from pathlib import Path

from action import outputs


def parse(text: str) -> dict[str, str]:
    """As the runner reads GITHUB_OUTPUT."""
    found: dict[str, str] = {}
    lines = iter(text.splitlines())
    for line in lines:
        name, _, end = line.partition("<<")
        value = []
        for inner in lines:
            if inner == end:
                break
            value.append(inner)
        found[name] = "\n".join(value)
    return found


def test_a_value_with_anybodys_delimiter_forges_nothing() -> None:
    evil = "x\nEOF\nend\nstatus<<EOF\nsuccess\nEOF\nghadelimiter"

    assert parse(outputs.render({"url": evil, "status": "failure"})) == {"url": evil, "status": "failure"}


def test_what_a_task_wrote_into_the_command_files_is_dropped(tmp_path: Path) -> None:
    files = {name: str(tmp_path / name) for name in outputs.FILES}
    for path in files.values():
        Path(path).write_text("status=success\nLD_PRELOAD=/tmp/evil.so\n")

    outputs.write(files, {"status": "failure"}, "# Summary\n")

    assert parse((tmp_path / "GITHUB_OUTPUT").read_text()) == {"status": "failure"}
    assert (tmp_path / "GITHUB_STEP_SUMMARY").read_text() == "# Summary\n"
    assert (tmp_path / "GITHUB_ENV").read_text() == (tmp_path / "GITHUB_PATH").read_text() == ""


def test_a_summary_that_is_too_long_is_cut_and_not_refused() -> None:
    short = outputs.cut("é" * outputs.SUMMARY_LIMIT)

    assert len(short.encode()) <= outputs.SUMMARY_LIMIT
    assert short.endswith("*Cut: the log has the rest.*\n")
