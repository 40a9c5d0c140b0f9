"""What pgBackRest prints, read."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tagship.backups import pgbackrest, recovery
from tagship.errors import BackupError, StoreError

MB16 = 16 << 20


def printed(*bases: tuple[str, int, int], code: int = 0, message: str = "ok") -> str:
    """What `info` prints for base backups of these labels, starts and stops."""
    backups: list[dict[str, Any]] = [
        {
            "label": label,
            "timestamp": {"start": start, "stop": stop},
            "archive": {"start": "000000010000000000000003", "stop": "000000010000000000000004"},
            "info": {"size": 39041071, "repository": {"delta": 4506224}},
            "error": False,
        }
        for label, start, stop in bases
    ]
    return json.dumps([
        {
            "archive": [{"id": "15-1", "min": "000000010000000000000003", "max": "000000010000000000000009"}],
            "backup": backups,
            "cipher": "aes-256-cbc",
            "repo": [{"key": 1, "status": {"code": code, "message": message}}],
            "status": {"code": code, "message": message},
        }
    ])  # fmt: skip


def test_a_time_is_reached_from_the_newest_base_backup_that_ended_before_it() -> None:
    repository = pgbackrest.repository(printed(("a", 100, 110), ("b", 200, 210)))

    def label(seconds: int) -> str | None:
        base = repository.before(datetime.fromtimestamp(seconds, UTC))
        return base.label if base else None

    assert [label(at) for at in (105, 150, 205, 211)] == [None, "a", "a", "b"]
    assert repository.archive == "15-1"
    assert repository.encrypted


def test_an_empty_repository_says_how_to_begin() -> None:
    with pytest.raises(BackupError, match=r"pitr\.base"):
        pgbackrest.repository(printed(code=1, message="missing stanza path"))


def test_a_repository_without_base_backups_can_be_read() -> None:
    assert pgbackrest.repository(printed(code=2, message="no valid backups")).bases == ()


REFUSED = "[HostConnectError] unable to connect to '10.0.0.1:1': [111] Connection refused\n  [HostConnectError] on 7"
FORBIDDEN = """unable to load info file:
ProtocolError: HTTP request failed with 403 (Forbidden):
<Error><Code>SignatureDoesNotMatch</Code><Message>…</Message></Error>"""
GARBLED = "FormatError: key/value found outside of section at line 1: \x02\x03"


@pytest.mark.parametrize(
    ("said", "kind", "means"),
    [
        (REFUSED, StoreError, "unable to connect to '10.0.0.1:1': [111] Connection refused."),
        (FORBIDDEN, StoreError, "The repository's store refuses: 403 (Forbidden), SignatureDoesNotMatch."),
        (GARBLED, BackupError, "PGBACKREST_REPO1_CIPHER_PASS"),
        ("2026-11-27 12:02:15.862 P00  ERROR: [075]: no such set", BackupError, "failed: no such set."),
    ],
    ids=["unreachable", "refused", "wrong-passphrase", "other"],
)
def test_a_failure_says_in_one_line_what_is_wrong(said: str, kind: type[Exception], means: str) -> None:
    error = pgbackrest.failure(said)

    assert type(error) is kind
    assert means in str(error)
    assert "\n" not in error.problem
    assert "\x02" not in str(error)


def test_missing_segments_since_the_base_backup_are_found_also_between_two_log_files() -> None:
    names = ["0000000100000000000000FE", "0000000100000000000000FF", "000000010000000100000001"]

    assert pgbackrest.gaps(names, names[0], MB16) == [("000000010000000100000000", "000000010000000100000000")]
    assert pgbackrest.gaps(names, "0000000100000000000000FD", MB16)[0][0] == "0000000100000000000000FD"
    assert pgbackrest.gaps(names[:2], names[0], MB16) == []


def test_what_is_missing_before_the_base_backup_is_no_gap_and_a_new_timeline_begins_anywhere() -> None:
    names = ["000000010000000000000001", "000000010000000000000005", "000000020000000000000005"]

    assert pgbackrest.gaps(names, "000000010000000000000005", MB16) == []


def test_what_an_earlier_timeline_lacks_is_no_gap() -> None:
    names = ["000000020000000000000007", "00000002000000000000000A", "00000003000000000000000A"]

    assert pgbackrest.gaps(names, names[-1], MB16) == []


def test_segments_are_read_from_a_listing() -> None:
    listing = (
        "15-1/0000000100000000/000000010000000000000004-c729760c14f28b1e86aef879a076f93865bf03cd.zst\n"
        "15-1/0000000100000000/000000010000000000000003-c9b0f2a4bca39416c360c9601046d2c233ccd9c8\n"
        "15-1/0000000100000000/000000010000000000000003.00000028.backup\n"
    )

    assert pgbackrest.segments(listing) == ["000000010000000000000003", "000000010000000000000004"]


def test_a_recovered_volume_is_named_after_the_moment_in_utc_whatever_zone_it_was_given_in() -> None:
    at = datetime.fromisoformat("2026-11-27T10:15:30+02:00")

    assert recovery.suffix(at) == "at-20261127t081530z"
    assert recovery.suffix(None) == "recovered"
