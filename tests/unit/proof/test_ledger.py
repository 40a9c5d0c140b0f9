"""The ledger: a chain of lines, and the records of releases."""

import dataclasses
import json

import pytest

from tagship.proof import ledger
from tagship.proof.ledger import Entry
from tagship.release.model import Configuration, Migrations, Record
from tests.fakes.builders import API, MIGRATIONS, WEB, entry, rendered

FIRST = dataclasses.replace(
    entry(rendered("a")), images={"web": "r@sha256:1"}, migrations=("shop.0001",), seconds=1.5, why="it said ⟦X⟧"
)


def chain(*entries: Entry) -> tuple[str, ...]:
    """A ledger's lines."""
    lines: list[str] = []
    for each in entries:
        lines.append(ledger.line(each, lines[-1] if lines else ""))
    return tuple(lines)


def test_what_was_written_is_read_again() -> None:
    (read,) = ledger.parse(chain(FIRST))

    assert dataclasses.replace(read, chain="") == FIRST


def test_lines_of_earlier_versions_are_read() -> None:
    """A sample of each kind of line that earlier versions wrote."""
    oldest = '{"action":"deploy","at":"2026-01-01T00:00:00+00:00","result":"ok","release":"r","tag":"t"}'
    before_way_back = (
        '{"action":"deploy","at":"2026-11-01T00:00:00+00:00","by":"x","chain":"0","images":{},"previous":"",'
        '"migrations":["shop.0001"],"release":"r","restores":"","result":"ok","run":"","seconds":2.0,"tag":"t","why":""}'
    )

    first, second = ledger.parse((oldest, before_way_back))

    assert (first.migrations, first.way_back) == ((), {})
    assert (second.migrations, second.way_back) == (("shop.0001",), {})


def test_a_line_is_one_line_whatever_is_in_it() -> None:
    (line,) = chain(FIRST)

    assert len(line.splitlines()) == 1


def test_an_untouched_ledger_has_no_breaks() -> None:
    lines = chain(FIRST, FIRST, FIRST)

    assert list(ledger.breaks(lines)) == []
    assert json.loads(lines[0])["chain"] == "0" * 64


@pytest.mark.parametrize("bent", [0, 1])
def test_a_line_that_was_changed_shows_in_the_next(bent: int) -> None:
    lines = list(chain(FIRST, FIRST, FIRST))
    lines[bent] = lines[bent].replace('"result":"ok"', '"result":"failed"')

    (found,) = ledger.breaks(tuple(lines))

    assert found.startswith(f"Line {bent + 2} (2026-01-01T00:00:00+00:00, deploy of {FIRST.release}) doesn't follow")
    assert f"line {bent + 1} was changed" in found


def test_a_line_that_was_taken_out_shows_in_the_next() -> None:
    first, second, third = chain(FIRST, entry(rendered("b")), FIRST)

    assert [found[:6] for found in ledger.breaks((first, third))] == ["Line 2"]
    assert [found[-28:] for found in ledger.breaks((second, third))] == ["lines before it are missing."]


def test_a_line_that_was_torn_is_named_and_what_was_appended_to_it_follows() -> None:
    first, second = chain(FIRST, FIRST)
    torn = second[:50]

    (found,) = ledger.breaks((first, torn, ledger.line(FIRST, torn)))

    assert found == f"Line 2 is truncated: {torn[:40]}…"


@pytest.mark.parametrize(
    "why",
    ["web ended while starting:   web | key=hunter2", "web is Exited (1) while baking: hunter2", "it said\nhunter2"],
)
def test_logs_that_an_earlier_version_kept_are_not_shown(why: str) -> None:
    (read,) = ledger.parse(chain(dataclasses.replace(FIRST, why=why)))

    assert "hunter2" not in read.why
    assert read.why


def test_fields_of_a_later_version_are_passed_over() -> None:
    line = json.dumps(json.loads(chain(FIRST)[0]) | {"weather": "fine"})

    assert ledger.parse((line, ""))[0].release == FIRST.release


@pytest.mark.parametrize(
    ("action", "result", "proves"),
    [
        ("deploy", ledger.GOOD, True),
        ("rollback", ledger.GOOD, True),
        ("migrate", ledger.GOOD, False),
        ("deploy", ledger.FAILED, False),
        ("deploy", ledger.SWITCHED_BACK, False),
    ],
)
def test_only_a_good_deploy_or_rollback_proves_a_release(action: str, result: str, *, proves: bool) -> None:
    assert entry(rendered("a"), action=action, result=result).proves is proves


@pytest.mark.parametrize(
    "migrations", [None, MIGRATIONS, Migrations("web", "django", ("sh", "-c", "a b"), ("x",), "9s")]
)
def test_a_release_is_rendered_again_from_its_record(migrations: Migrations | None) -> None:
    release = rendered(
        "a",
        {"web": {"command": ["⟦S⟧", "$$x"]}, "beat": {}},
        routes=(*API, *WEB),
        singletons=("beat",),
        recreate=True,
        accessories=("db",),
        migrations=migrations,
    )
    configuration = Configuration({"COLOR": "blue"}, {"PASSWORD": "0123"}, "feed")
    kept = dataclasses.replace(release, configuration=configuration).record

    assert ledger.decode_record(ledger.encode_record(kept)) == kept


def test_a_record_that_an_older_version_kept_is_a_release_without_configuration() -> None:
    release = rendered("a").release
    fields = dataclasses.asdict(release)
    del fields["shape"]["routes"][0]["assets"]
    older = json.dumps(fields).encode()

    assert ledger.decode_record(older) == Record(release, None)


def test_fields_of_a_later_version_s_record_are_passed_over() -> None:
    kept = json.loads(ledger.encode_record(rendered("a").record))
    kept["configuration"]["weather"] = "fine"
    kept["shape"]["routes"][0]["weather"] = "fine"

    assert ledger.decode_record(json.dumps(kept).encode()) == rendered("a").record


@pytest.mark.parametrize("kept", [b"", b'{"version": {"tag": "aa', b"[]", b'{"version": {}}', b'"x"'])
def test_a_record_that_was_cut_short_is_none(kept: bytes) -> None:
    assert ledger.decode_record(kept) is None


@pytest.mark.parametrize("bent", ['{"at": "2026', '{"at": "2026{"at": "x"}', "[]", "{}", "null"])
def test_a_line_that_is_no_entry_is_passed_over_and_named(bent: str) -> None:
    good = chain(FIRST)

    assert len(ledger.parse((*good, bent))) == 1
    assert ledger.unreadable((*good, bent, "")) == (bent,)
