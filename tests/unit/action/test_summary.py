"""The summary says what was deployed where; after a failure, first the reason and the serving release."""

from typing import Any

from action import summary
from action.report import CANCELLED, FAILURE, SUCCESS, UNCHANGED, Report

RUN = summary.Run("deploy → staging", "https://github.com", "o/r", "a" * 40)
OUTCOME: dict[str, Any] = {
    "action": "deploy", "environment": "staging", "release": "web-staging-aaaaaaaa-123456", "tag": "a" * 40,
    "previous": "web-staging-bbbbbbbb-123456", "url": "https://staging.example.com", "changed": True,
    "images": {"web": "r/web@sha256:" + "0" * 64}, "migrations": ["app.0002_more"], "warnings": [],
}  # fmt: skip


def heard(*told: tuple[str, dict[str, Any]], code: int = 0) -> Report:
    report = Report(code=code)
    for kind, facts in told:
        report.hear(kind, facts)
    return report


def failed(problem: str) -> tuple[str, dict[str, Any]]:
    return "failed", {"problem": problem, "hint": "look there", "code": 12, "error": "RolloutError"}


def test_a_deploy_is_told_whole() -> None:
    report = heard(("outcome", OUTCOME), ("end", {"step": "Cut over", "seconds": 0.1, "ok": True}))

    said = summary.render(report, RUN)

    assert report.status == SUCCESS
    assert f"[bbbbbbbb … aaaaaaaa](https://github.com/o/r/compare/bbbbbbbb...{'a' * 40})" in said
    for part in ("sha256:", "app.0002_more", "Cut over", "tagship rollback --env staging --to bbbbbbbb"):
        assert part in said


def test_a_broken_deploy_opens_with_why_and_what_serves() -> None:
    report = heard(failed("web crashed"), ("serving", {"environment": "staging", "release": "web-staging-b"}), code=12)

    said = summary.render(report, RUN)

    assert report.status == FAILURE
    assert said.index("web crashed") < said.index("Serving now:** `web-staging-b`")


def test_a_failed_first_deploy_says_that_nothing_serves() -> None:
    report = heard(failed("x"), ("serving", {"environment": "staging", "release": ""}), code=12)

    assert "no release, because this was the first deploy" in summary.render(report, RUN)


def test_what_stopped_before_any_change_says_so() -> None:
    assert "nothing was changed" in summary.render(heard(failed("tests failed"), code=5), RUN)


def test_an_override_is_loud() -> None:
    facts = {"environment": "production", "findings": ["no reviewers"], "overridden": True}

    said = summary.render(heard(("approval", facts)), RUN)

    assert said.index("> [!CAUTION]") < 60
    assert "no reviewers" in said


def test_the_way_back_that_was_declared_stands_beside_the_migrations() -> None:
    back = ["Way back to shop-1: code, and reverse shop.0002", "  this loses shop_item.note"]

    said = summary.render(heard(("outcome", OUTCOME | {"way_back": back})), RUN)

    assert "| Way back | Way back to shop-1: code, and reverse shop.0002<br>" in said
    assert "Way back" not in summary.render(heard(("outcome", OUTCOME)), RUN)


def test_cancelled_and_unchanged_are_neither_success_nor_failure() -> None:
    assert Report(code=130).status == CANCELLED
    assert heard(("outcome", OUTCOME | {"changed": False})).status == UNCHANGED


def test_nothing_in_it_is_markup_of_somebody_elses() -> None:
    evil = "</details>\n# Deployed! ![x](https://evil.example.com/x.png) @everyone | `"
    suite = {
        "suite": "test", "component": evil, "problem": evil, "output": f"```\n{evil}\n````\n", "seconds": 1.0,
        "coverage": None,
    }  # fmt: skip

    said = summary.render(heard(("suite", suite), failed(evil), code=5), RUN)

    outside = [line for line in said.splitlines() if line.startswith("#")]
    assert outside[0].startswith("## ❌ Failed")
    fences = [line for line in said.splitlines() if line.startswith("````")]
    assert len(fences) >= 2
    assert "| ❌ &#60;/details&#62; &#35; Deployed&#33;" in said
