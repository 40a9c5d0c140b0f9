"""Attacks on a job, each shown to fail."""

import base64
import json
import re
import secrets
import socket
import string
import subprocess
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.action.act import Act
from tests.action.conftest import Acted, starter
from tests.action.github import TOKEN, GitHub

PASSWORD = "Tr0ub4dor&3 /+x"  # noqa: S105 - nobody's
LINES = "first-of-it\nsecond-of-it"
HOSTILE = f"""import base64, os, pathlib, urllib.parse
print("::set-output name=status::forged")
print("::error::forged error")
print("::add-mask::e")
print("::stop-commands::aaaa")
print("::aaaa::")
print("##[error]forged too")
for name in ("GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_PATH", "GITHUB_STEP_SUMMARY", "GITHUB_TOKEN", "SSH_AUTH_SOCK",
             "TAGSHIP_REGISTRY_PASSWORD", "INPUT_SSH_KEY", "INPUT_GITHUB_TOKEN"):
    print("has", name, name in os.environ)
pid = os.getppid()
while pid > 1:  # whoever started us may know the runner's files
    for pair in pathlib.Path(f"/proc/{{pid}}/environ").read_text(errors="replace").split("\\0"):
        name, _, path = pair.partition("=")
        if name in ("GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_STEP_SUMMARY"):
            print("found", name)
            with open(path, "a") as file:
                file.write("status=forged\\nLEAKED=forged\\n")
    pid = int(pathlib.Path(f"/proc/{{pid}}/stat").read_text().rpartition(")")[2].split()[1])
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
      - if: always()
        run: echo "next sees ${{LEAKED:-nothing}}"
  later:
    needs: one
    if: always()
    runs-on: ubuntu-latest
    steps:
      - run: echo "later sees $STATUS"
        env: {{STATUS: "${{{{ needs.one.outputs.status }}}}"}}
"""


def one(**given: str) -> str:
    """A workflow of one step of ours, and a later job that sees its output."""
    return ONE.format(given="\n".join(f"          {name}: {json.dumps(value)}" for name, value in given.items()))


def test_what_the_apps_own_tests_print_is_not_obeyed_and_their_secrets_are_hidden(
    app: Acted, act: Act, github: GitHub
) -> None:
    app.compose["services"]["web"]["environment"] |= {"DB": "${DB_PASSWORD:-}", "CERT": "${DB_CERT:-}"}
    # a suite that fails shows what it printed
    (app.folder / "test_web.py").write_text(HOSTILE + "raise SystemExit(1)\n")
    app.commit()
    secrets = {"DB_PASSWORD": PASSWORD, "DB_CERT": LINES}

    given = {"ssh-key": act.key, "known-hosts": act.known_hosts, "registry-username": "u", "registry-password": "pass1"}
    run = act.run(app.folder, one(run="test", **given), github, secrets=secrets)

    assert run.results == {"one": "failure", "later": "success"}, run.log
    assert "found GITHUB_OUTPUT" in run.log
    assert "later sees failure" in run.log
    assert "next sees nothing" in run.log
    obeyed = [event for event in run.events if event.get("command") in {"error", "add-mask", "set-output"}]
    assert obeyed
    assert not [event for event in obeyed if "forged" in str(event)]
    hidden = re.findall(r"has (\w+) (True|False)", run.log)
    assert len(dict(hidden)) == 9
    assert [name for name, seen in hidden if seen == "True"] == []
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
    key = {"ssh-key": act.key, "known-hosts": act.known_hosts, "environment": "production"}
    with socket.create_server((github.url.rpartition(":")[0].removeprefix("http://"), 0)) as evil:
        evil.settimeout(0)
        host, port = evil.getsockname()
        app.settings["environments"]["production"]["engine"] = f"ssh://deploy@{host}:{port}"
        app.settings["environments"]["production"].pop("approval")
        app.commit()

        for task in ("build push deploy", "history"):
            pull_request = act.run(app.folder, one(run=task, **key), github, event="pull_request")
            assert pull_request.results["one"] == "failure"
            assert "doesn't run on pull_request" in pull_request.log
            assert "Build" not in pull_request.summary
        with pytest.raises(BlockingIOError):
            evil.accept()
        # what is on a branch is trusted: the same task goes there
        with act.start(app.folder, one(run="history", **key), github) as pushed:
            evil.settimeout(60)
            evil.accept()[0].close()
            pushed.communicate(timeout=100)


def test_a_key_in_the_history_turns_a_pull_request_red_and_is_not_shown(app: Acted, act: Act, github: GitHub) -> None:
    key = "sk_" + "live_" + "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(32))
    app.settings["secret-scan"] = {"when": "always"}
    (app.folder / "settings.py").write_text(f'STRIPE_KEY = "{key}"\n')
    app.commit()
    (app.folder / "settings.py").unlink()
    app.commit()

    run = act.run(app.folder, starter(app, "ci"), github, event="pull_request")

    assert run.results == {"test": "failure"}, run.log
    assert "one secret in the history" in run.log
    assert "settings.py:1  stripe-access-token" in run.log
    assert key not in run.log + run.summary


def test_no_host_key_is_accepted_blindly(app: Acted, act: Act, github: GitHub) -> None:
    app.commit()
    key = act.folder / "another"
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)]
    subprocess.run(argv, check=True)
    kind, blob, *_ = key.with_suffix(".pub").read_text().split()
    wrong = "\n".join(f"{line.split()[0]} {kind} {blob}" for line in act.known_hosts.splitlines())

    none = act.run(app.folder, one(**{"run": "deploy", "environment": "staging", "ssh-key": act.key}), github)
    bad = act.run(
        app.folder,
        one(**{"run": "history", "environment": "staging", "ssh-key": act.key, "known-hosts": wrong}),
        github,
    )

    assert "ssh-keyscan -t ed25519" in none.log
    assert none.results["one"] == bad.results["one"] == "failure"
    assert "ost key verification failed" in bad.log


def test_digests_that_the_build_did_not_push_are_refused(app: Acted, act: Act, github: GitHub) -> None:
    app.commit()
    digests = json.dumps({"web": f"{app.settings['registry']}/web@sha256:{'0' * 64}"})
    common = {"environment": "staging", "ssh-key": act.key, "known-hosts": act.known_hosts}

    assert act.run(app.folder, one(run="build push"), github).results["one"] == "success"
    run = act.run(app.folder, one(run="deploy", digests=digests, **common), github)

    assert run.results["one"] == "failure"
    assert "but the build pushed" in run.log


def test_a_commit_given_by_hand_that_nobody_reviewed_is_not_deployed(app: Acted, act: Act, github: GitHub) -> None:
    app.commit()
    app.git("checkout", "--quiet", "-b", "mine")
    stray = app.commit(**{'"hello"': '"evil"'})
    app.git("checkout", "--quiet", "main")
    common = {"environment": "staging", "ssh-key": act.key, "known-hosts": act.known_hosts}

    run = act.run(app.folder, one(run="deploy", sha=stray, **common), github)

    assert run.results["one"] == "failure"
    assert f"{stray[:8]} is not on main, the branch of this run" in run.log
    assert not app.serves("staging", stray)
