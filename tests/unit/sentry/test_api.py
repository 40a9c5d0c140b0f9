"""Sentry's API: requests as Sentry describes them, and every failure one sentence."""

import pytest

from tagship.errors import SentryError
from tagship.sentry.api import SentryApi
from tagship.sentry.health import Sessions
from tagship.source.git import Commit
from tagship.system.deadline import Deadline
from tests.fakes.sentries import OLD, ORG, REPO, SHA, TOKEN, VERSION, Sentry
from tests.fakes.servers import Answer

SPAN = (1767225600.0, 1767226200.0)


@pytest.mark.parametrize(
    ("known", "found"),
    [
        ([REPO], "acme/shop"),
        ([{**REPO, "url": None}], "acme/shop"),
        ([{**REPO, "url": None, "name": "Acme / shop"}], "Acme / shop"),
        ([{**REPO, "provider": {"id": "unknown", "name": "Unknown Provider"}}], ""),
        ([{**REPO, "name": "other/shop", "url": "https://github.com/other/shop"}], ""),
        ([{**REPO, "name": "op", "url": None}], ""),
        ([], ""),
    ],
)
def test_a_repository_that_an_integration_reads_is_known_by_its_address(
    sentry: Sentry, known: list[object], found: str
) -> None:
    sentry.server.answers[f"GET {ORG}/repos/"] = Answer(body=known)

    assert SentryApi(sentry.account()).repository("https://github.com/acme/Shop") == found


def test_a_token_that_may_not_look_knows_no_repository(sentry: Sentry) -> None:
    sentry.server.answers[f"GET {ORG}/repos/"] = Answer(403, {"detail": "You do not have permission"})

    assert SentryApi(sentry.account()).repository("https://github.com/acme/shop") == ""


def test_without_a_remote_no_repository_is_meant(sentry: Sentry) -> None:
    sentry.server.answers[f"GET {ORG}/repos/"] = Answer(body=[REPO])

    assert SentryApi(sentry.account()).repository("") == ""
    assert sentry.calls == []


def test_commits_are_told_as_sentry_describes_them(sentry: Sentry) -> None:
    commit = Commit(SHA, "A" * 200, "a@example.com", "2026-01-01T00:00:00+01:00", "Mend", {"app.py": "M"})

    SentryApi(sentry.account()).set_commits(VERSION, "acme/shop", [commit])

    (told,) = sentry.body(f"PUT /releases/shop%40{SHA}/")["commits"]
    assert (told["id"], told["author_name"], told["patch_set"]) == (SHA, "A" * 128, [{"path": "app.py", "type": "M"}])


def test_a_release_is_looked_at_in_its_projects_and_environment(sentry: Sentry) -> None:
    sentry.issues = {"1": 2}
    sentry.errors = {VERSION: {"1": 7, "2": 1}}
    sentry.sessions = {VERSION: {"1": (300, 0), "2": (100, 4)}}
    api = SentryApi(sentry.account())

    assert api.new_issues(VERSION, "staging", 0) == 2
    assert api.errors(VERSION, "staging", SPAN) == 8
    assert api.sessions(VERSION, "staging", SPAN) == Sessions(400, 4)

    one, other = (request.line for request in sentry.server.asked(f"GET {ORG}/sessions/"))
    assert "environment=staging&project=1&start=2026-01-01T00%3A00%3A00&end=2026-01-01T00%3A10%3A00" in one
    assert "project=2&" in other


def test_an_issue_of_an_earlier_stay_is_not_a_new_one(sentry: Sentry) -> None:
    sentry.issues, sentry.first_seen = {"1": 2}, "2026-01-01T00:00:00.5Z"

    assert SentryApi(sentry.account()).new_issues(VERSION, "staging", SPAN[0]) == 2
    assert SentryApi(sentry.account()).new_issues(VERSION, "staging", SPAN[0] + 1) == 0


def test_no_sessions_at_all_are_none(sentry: Sentry) -> None:
    assert SentryApi(sentry.account()).sessions(VERSION, "staging", SPAN) == Sessions(0, 0)


def test_a_release_that_sentry_does_not_know_has_no_deploys(sentry: Sentry) -> None:
    assert SentryApi(sentry.account()).deploys(f"shop@{OLD}") == []


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(401, {"detail": f"{TOKEN} is no token"}), r"answered 401: .*⟦SENTRY_AUTH_TOKEN⟧ is no token"),
        (Answer(403, {"detail": "no"}), "add the missing scope"),
        (Answer(500, b"oops"), "answered 500: oops"),
        (Answer(body=b"<html>"), "isn't JSON"),
        (Answer(body={"unlike": 1}), "isn't understood"),
        (Answer(body=[]), "isn't understood"),
    ],
)
def test_a_refusal_or_a_strange_answer_is_an_error_without_the_token(sentry: Sentry, answer: Answer, said: str) -> None:
    sentry.server.answers[f"GET {ORG}/events/"] = answer

    with pytest.raises(SentryError, match=said) as caught:
        SentryApi(sentry.account()).errors(VERSION, "staging", SPAN)

    assert TOKEN not in str(caught.value)


def test_a_sentry_that_is_away_is_an_error(sentry: Sentry) -> None:
    account = sentry.account()
    gone = type(account)("http://127.0.0.1:9", account.org, account.projects, account.token)

    with pytest.raises(SentryError, match=r"doesn.t answer: .* \(GET /api/0/organizations/acme/repos/\)"):
        SentryApi(gone).repository("https://github.com/acme/shop")


def test_nothing_is_asked_when_the_time_is_over(sentry: Sentry) -> None:
    with pytest.raises(SentryError, match="No time was left"):
        SentryApi(sentry.account(), Deadline(0)).deploys(VERSION)

    assert sentry.calls == []


def test_links_lead_to_what_was_looked_at(sentry: Sentry) -> None:
    links = SentryApi(sentry.account()).links(VERSION, "staging")

    assert links["sessions"] == f"{sentry.url}/organizations/acme/releases/shop%40{SHA}/?environment=staging"
    assert "first-release%3A%22shop%40" in links["new issues"]
