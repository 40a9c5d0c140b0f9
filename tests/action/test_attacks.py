"""Attacks on a job, each shown to fail."""

import base64
import json
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.action.act import Act
from tests.action.conftest import Acted
from tests.action.github import TOKEN, GitHub

PASSWORD = "Tr0ub4dor&3 /+x"  # noqa: S105 - nobody's
LINES = "first-of-it\nsecond-of-it"
HOSTILE = f"""import base64, glob, os, pathlib, urllib.parse
print("::set-output name=status::forged")
print("::error::forged error")
print("::add-mask::e")
print("::stop-commands::aaaa")
print("::aaaa::")
print("##[error]forged too")
for name in ("GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_PATH", "GITHUB_STEP_SUMMARY", "GITHUB_TOKEN", "SSH_AUTH_SOCK",
             "TAGSHIP_REGISTRY_PASSWORD", "INPUT_SSH_KEY", "INPUT_GITHUB_TOKEN"):
    print("has", name, name in os.environ)
for path in glob.glob("../**/*", root_dir=os.environ.get("RUNNER_TEMP", "."), recursive=True):
    pass
secret = {PASSWORD!r}
print("plain", secret)
print("base64", base64.b64encode(secret.encode()).decode())
print("url", urllib.parse.quote(secret, safe=""))
print("basic", base64.b64encode(("user:" + secret).encode()).decode())
for line in {LINES!r}.splitlines():
    print("line", line)
"""
ONE = """name: x
on: [push, pull_request]
permissions: {{}}
jobs:
  one:
    runs-on: ubuntu-latest
    outputs: {{status: "${{{{ steps.t.outputs.status }}}}"}}
    steps:
      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8
        with: {{ref: "${{{{ github.sha }}}}"}}
      - id: t
        uses: OWNER/tagship@0000000000000000000000000000000000000000
        with:
{given}
        env:
          DB_PASSWORD: ${{{{ secrets.DB_PASSWORD }}}}
          DB_CERT: ${{{{ secrets.DB_CERT }}}}
  later:
    needs: one
    if: always()
    runs-on: ubuntu-latest
    steps:
      - run: echo "later sees $STATUS and ${{LEAKED:-nothing}}"
        env: {{STATUS: "${{{{ needs.one.outputs.status }}}}"}}
"""


def one(**given: str) -> str:
    """A workflow of one step of ours, and a later job that sees its output."""
    return ONE.format(given="\n".join(f"          {name}: {json.dumps(value)}" for name, value in given.items()))


def test_what_the_apps_own_tests_print_is_not_obeyed_and_their_secrets_are_hidden(
    app: Acted, act: Act, github: GitHub
) -> None:
    (app.folder / "test_web.py").write_text(HOSTILE)
    app.settings["test"]["web"]["run"] = "python3 test_web.py"
    app.compose["services"]["web"]["environment"] |= {"DB": "${DB_PASSWORD:-}", "CERT": "${DB_CERT:-}"}
    # a suite that fails shows what it printed
    (app.folder / "test_web.py").write_text(HOSTILE + "raise SystemExit(1)\n")
    app.commit()
    secrets = {"DB_PASSWORD": PASSWORD, "DB_CERT": LINES}

    run = act.run(app.folder, one(run="test"), github, secrets=secrets)

    assert run.results == {"one": "failure", "later": "success"}, run.log
    assert "later sees failure and nothing" in run.log
    obeyed = [event for event in run.events if event.get("command") in {"error", "add-mask", "set-output"}]
    assert obeyed
    assert not [event for event in obeyed if "forged" in str(event)]
    for name in ("GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_TOKEN", "SSH_AUTH_SOCK", "INPUT_SSH_KEY"):
        assert f"has {name} False" in run.log
    for form in (PASSWORD, base64.b64encode(PASSWORD.encode()).decode(), quote(PASSWORD, safe=""), *LINES.splitlines()):
        assert form not in run.log
        assert form not in run.summary
    assert "plain ***" in run.log
    assert TOKEN not in run.log


@pytest.mark.parametrize(
    "given",
    [
        {"run": 'test"; touch pwned; "'},
        {"run": "test\n::set-output name=status::success"},
        {"run": "test", "environment": "$(touch pwned)"},
        {"run": "test", "sha": "`touch pwned`"},
        {"run": "test", "working-directory": "../.."},
        {"run": "test", "config": "/etc/passwd"},
        {"run": "nosuchtask"},
    ],
    ids=["run", "newline", "environment", "sha", "working-directory", "config", "unknown task"],
)
def test_a_hostile_input_is_one_annotation_and_nothing_runs(
    app: Acted, act: Act, github: GitHub, given: dict[str, str]
) -> None:
    (app.folder / "test_web.py").write_text("raise SystemExit('the suite ran')\n")
    app.commit()

    run = act.run(app.folder, one(**given), github)

    assert run.results["one"] == "failure"
    assert "later sees failure" in run.log
    assert len(run.commands("error")) == 1, run.log
    assert "the suite ran" not in run.log
    assert not list(Path(app.folder).rglob("pwned"))


def test_a_hostile_branch_and_commit_message_are_only_words(app: Acted, act: Act, github: GitHub) -> None:
    (app.folder / "x").write_text("x")
    app.commit()
    branch = "x;touch$IFS'pwned'`id`"
    app.git("commit", "--quiet", "--allow-empty", "--message", "$(touch pwned)\n::set-output name=status::forged")

    run = act.run(app.folder, one(run="test"), github, branch=branch)

    assert run.results == {"one": "success", "later": "success"}, run.log
    assert "later sees success" in run.log
    assert not list(act.folder.rglob("pwned"))


def test_a_pull_requests_tagship_yml_reaches_no_host(app: Acted, act: Act, github: GitHub) -> None:
    app.settings["environments"]["production"]["engine"] = "ssh://deploy@evil.example.com"
    app.settings["environments"]["production"].pop("approval")
    app.commit()
    key = {"ssh-key": act.key, "known-hosts": act.known_hosts, "environment": "production"}

    pull_request = act.run(app.folder, one(run="build push deploy", **key), github, event="pull_request")
    push = act.run(app.folder, one(run="status", **key), github)

    assert pull_request.results["one"] == "failure"
    assert "doesn't run on pull_request" in pull_request.log
    assert "Build" not in pull_request.summary
    assert "evil.example.com" not in push.log or "failed" in push.log


def test_no_host_key_is_accepted_blindly(app: Acted, act: Act, github: GitHub) -> None:
    app.commit()
    other = act.known_hosts.replace("AAAAC3NzaC1lZDI1NTE5AAAAI", "AAAAC3NzaC1lZDI1NTE5AAAAIA")
    wrong = "\n".join(line[: len(line) - 1] for line in other.splitlines())

    none = act.run(app.folder, one(**{"run": "deploy", "environment": "staging", "ssh-key": act.key}), github)
    bad = act.run(
        app.folder,
        one(**{"run": "migrate", "environment": "staging", "ssh-key": act.key, "known-hosts": wrong}),
        github,
    )

    assert "ssh-keyscan -t ed25519" in none.log
    assert none.results["one"] == bad.results["one"] == "failure"


def test_digests_that_the_build_did_not_push_are_refused(app: Acted, act: Act, github: GitHub) -> None:
    app.commit()
    digests = json.dumps({"web": f"{app.settings['registry']}/web@sha256:{'0' * 64}"})
    common = {"environment": "staging", "ssh-key": act.key, "known-hosts": act.known_hosts}

    assert act.run(app.folder, one(run="build push"), github).results["one"] == "success"
    run = act.run(app.folder, one(run="deploy", digests=digests, **common), github)

    assert run.results["one"] == "failure"
    assert "where the build pushed" in run.log
