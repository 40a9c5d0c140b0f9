"""A release goes live, is replaced and rolled back on real engines, and no request is lost."""

import json

from tests.hello import Hello


def test_a_commit_goes_live_and_the_next_replaces_it_without_losing_a_request(hello: Hello, environment: str) -> None:
    first = hello.commit()
    hello.ship(environment)
    assert first in hello.get(environment)

    load = hello.load(environment)
    second = hello.commit()
    shipped = hello.ship(environment)
    hello.tagship("rollback", "--env", environment)
    hello.tagship("deploy", "--env", environment)
    seen = load.stop()

    assert second in hello.get(environment)
    assert seen["failures"] == []
    assert len(seen["releases"]) == 2, "both releases answered under the load"
    assert shipped["previous"].startswith(f"{hello.name}-{environment}-{first[:8]}-")


def test_a_rollback_starts_the_stopped_release_again(hello: Hello, environment: str) -> None:
    first = hello.commit()
    hello.ship(environment)
    hello.commit()
    hello.ship(environment)

    done = json.loads(hello.tagship("rollback", "--env", environment, "--json"))

    assert first in hello.get(environment)
    assert not any(step.startswith(("Pull", "Create")) for step in done["steps"])
    assert [entry["action"] for entry in hello.history(environment)] == ["deploy", "deploy", "rollback"]


def test_a_rollback_after_a_variable_changed_renders_the_old_release_again(hello: Hello) -> None:
    first = hello.commit()
    hello.ship("host1")
    hello.commit()
    hello.ship("host1")
    with (hello.folder / ".env.build").open("a") as file:
        file.write("COLOR=green\n")

    hello.tagship("rollback", "--env", "host1", "--to", first[:7])

    assert f"hello {first} green" in hello.get("host1")


def test_deploying_what_is_live_does_nothing_and_a_changed_variable_is_a_deploy(hello: Hello, environment: str) -> None:
    sha = hello.commit()
    hello.ship(environment)
    hello.commit()  # HEAD is another: the live one's files come from git now, no longer from the work tree

    assert "nothing to do" in hello.tagship("deploy", "--env", environment, "--sha", sha[:9])

    (hello.folder / ".env.color").write_text("COLOR=blue\n")
    hello.settings["environments"][environment]["variables"] = [".env.build", ".env.color"]
    (hello.folder / "tagship.yml").write_text(json.dumps(hello.settings))
    hello.tagship("deploy", "--env", environment, "--sha", sha[:9])
    assert f"hello {sha} blue" in hello.get(environment)
    assert len(hello.history(environment)) == 2


def test_a_dry_run_prints_the_plan_and_leaves_a_bare_server_bare(hello: Hello) -> None:
    sha = hello.commit()
    before = hello.rig.hosts[0].docker("ps", "-aq")
    image = f"{hello.settings['registry']}/web:{sha}"

    shipping = hello.tagship("ship", "--env", "host1", "--dry-run")
    pushing = hello.tagship("push", "--dry-run")
    hello.tagship("build")
    hello.tagship("push")
    plan = hello.tagship("deploy", "--env", "host1", "--dry-run")

    assert shipping.startswith(f"build and push: {image}\n")
    assert pushing == f"{image}\n"
    assert "Cut over to" in plan
    assert "Cut over to" in shipping
    assert hello.rig.hosts[0].docker("ps", "-aq") == before
    assert hello.history("host1") == []


def test_a_dirty_tree_is_refused_unless_asked_for_and_never_promoted(hello: Hello) -> None:
    sha = hello.commit()
    hello.append("server.py", "# not committed\n")

    assert "uncommitted changes: server.py" in hello.run("build").stderr
    hello.tagship("ship", "--env", "host1", "--dirty")
    assert hello.history("host1")[-1]["tag"].startswith(f"{sha}-dirty-")

    hello.settings["environments"]["host2"]["approval"] = "required"
    (hello.folder / "tagship.yml").write_text(json.dumps(hello.settings))
    refused = hello.run("ship", "--env", "host2", "--dirty")
    assert refused.returncode == 4
    assert "only committed releases" in refused.stderr
