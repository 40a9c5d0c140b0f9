"""Variables, secrets, accessories, workers and migrations of a release in an environment."""

import hashlib
import json
import sys
from typing import Any

import pytest

from tests.hello import Hello

AWKWARD = "s3cr3t $HOME ${X} 'quoted' \"twice\" ünicode"  # what a password manager may make


def test_a_secret_reaches_the_container_and_nothing_else(hello: Hello) -> None:
    hello.compose["services"]["web"]["environment"] |= {"COLOR": "${API_KEY:?}"}
    sha = hello.commit()

    told = hello.run("ship", "--env", "host1")
    assert told.returncode == 2
    assert "API_KEY" in told.stderr

    plan = hello.tagship("build") + hello.tagship("push")
    plan += hello.tagship("deploy", "--env", "host1", "--dry-run", env={"API_KEY": AWKWARD})
    done = hello.run("deploy", "--env", "host1", "--json", env={"API_KEY": AWKWARD})
    assert done.returncode == 0, done.stderr
    assert f"hello {sha} {AWKWARD}" in hello.get("host1")
    for text in (plan, done.stdout, done.stderr, _state(hello)):
        assert "s3cr3t" not in text


def test_a_rotated_secret_is_a_deploy_and_never_rolled_back(hello: Hello) -> None:
    hello.compose["services"]["web"]["environment"] |= {"COLOR": "${API_KEY:?}"}
    first = hello.commit()
    hello.tagship("ship", "--env", "host1", env={"API_KEY": "old-key"})
    hello.commit()
    hello.tagship("ship", "--env", "host1", env={"API_KEY": "old-key"})

    hello.tagship("rollback", "--env", "host1", env={"API_KEY": "new-key"})

    assert f"hello {first} new-key" in hello.get("host1")


def test_configs_and_secrets_given_as_files_travel_inline(hello: Hello) -> None:
    (hello.folder / "app.conf").write_text("host $host; price 5$$ ${NOT_A_VARIABLE}\n")
    (hello.folder / "token.txt").write_text("file-token\n")
    (hello.folder / ".gitignore").write_text("token.txt\n")
    hello.compose |= {"configs": {"app": {"file": "./app.conf"}}, "secrets": {"token": {"file": "./token.txt"}}}
    hello.compose["services"]["web"] |= {"configs": [{"source": "app", "target": "/app.conf"}], "secrets": ["token"]}
    hello.commit()
    shipped = hello.ship("host1")

    container = f"{shipped['release']}-web-1"
    host = hello.rig.hosts[0]
    assert host.docker("exec", container, "cat", "/app.conf").strip() == "host $host; price 5$$ ${NOT_A_VARIABLE}"
    assert host.docker("exec", container, "cat", "/run/secrets/token").strip() == "file-token"
    assert "file-token" not in _state(hello)


def test_a_build_may_use_a_secret_and_a_folder_beside_its_context(hello: Hello) -> None:
    (hello.folder / "shared").mkdir()
    (hello.folder / "shared" / "name.txt").write_text("shared\n")
    hello.append("Dockerfile", "COPY --from=common name.txt /name.txt\n")
    hello.append("Dockerfile", "RUN --mount=type=secret,id=token sha256sum < /run/secrets/token > /proof.txt\n")
    hello.compose["secrets"] = {"token": {"environment": "BUILD_TOKEN"}}
    hello.compose["services"]["web"]["build"] |= {"secrets": ["token"], "additional_contexts": {"common": "./shared"}}
    hello.commit()

    told = hello.run("build")
    assert (told.returncode, "BUILD_TOKEN" in told.stderr) == (2, True)
    shipped = json.loads(hello.tagship("ship", "--env", "host1", "--json", env={"BUILD_TOKEN": AWKWARD}))

    container, host = f"{shipped['release']}-web-1", hello.rig.hosts[0]
    proof = host.docker("exec", container, "cat", "/proof.txt", "/name.txt").split()
    assert proof == [hashlib.sha256(AWKWARD.encode()).hexdigest(), "-", "shared"]
    assert "s3cr3t" not in host.docker("history", "--no-trunc", shipped["images"]["web"])


def test_faults_of_the_files_are_said_at_once_by_every_task_before_anything_is_built(hello: Hello) -> None:
    hello.compose["services"]["web"] |= {"volumes": ["./src:/src", "/var/run/docker.sock:/d"], "privileged": True}
    hello.compose["services"]["web"]["build"]["args"]["STAGE"] = "${STAGE}"
    hello.compose["services"]["redis"] = {"image": "redis"}
    hello.compose["services"]["web"]["depends_on"] = ["redis"]
    hello.settings["release"] = {"migrations": {"service": "web", "pending": "true", "apply": "true"}}
    hello.commit()

    said = {
        task[0]: hello.run(*task, *(() if task[0] == "build" else ("--env", "host1")))
        for task in (["ship"], ["build"], ["deploy"], ["deploy", "--dry-run"], ["migrate"])
    }

    for task, ran in said.items():
        assert ran.returncode == 2, task
        for words in ("mounts ./src", "controls the server", "privileged", "redis isn't in tagship.yml"):
            assert words in ran.stderr, task
        assert ("no value for STAGE" in ran.stderr) is (task in {"ship", "build"})
        assert "Build" not in ran.stderr


def test_what_is_taken_knowingly_is_planned_before_any_image_is_there(hello: Hello) -> None:
    hello.compose["services"]["web"] |= {"volumes": ["/srv/x:/x"], "container_name": "the-web", "ports": ["9:9"]}
    hello.settings["allow"] = ["web:/srv/x"]
    hello.commit()

    plan = hello.tagship("deploy", "--env", "host1", "--dry-run")

    assert "Cut over to" in plan
    assert "Images not built and pushed yet: 1" in plan
    assert "Left out: container_name (web)" in plan
    assert "Left out: published ports without a route (web 9)" in plan


def test_an_image_without_a_healthcheck_is_refused_before_the_migration(hello: Hello) -> None:
    del hello.compose["services"]["web"]["healthcheck"]
    hello.settings["release"] = {"migrations": {"service": "web", "pending": "echo 1", "apply": "touch /migrated"}}
    hello.commit()

    refused = hello.run("ship", "--env", "host1")

    assert refused.returncode == 9
    assert "web has no healthcheck" in refused.stderr
    assert "Migrate" not in refused.stderr


def test_accessories_are_started_once_and_left_alone_and_answer_by_name(hello: Hello, environment: str) -> None:
    cache = _with_cache(hello)
    hello.settings["sentry"] = {"org": "o", "projects": "p", "url": "http://127.0.0.1:9"}
    hello.commit()

    refused = hello.run("ship", "--env", environment)
    assert refused.returncode == 9
    assert "cache is not running" in refused.stderr

    hello.tagship("accessories.up", "--env", environment)
    before = _container(hello, environment)
    for _ in range(2):
        release = hello.ship(environment)["release"]
        hello.commit()
    again = hello.run("accessories.up", "--env", environment)
    assert (again.stdout, "differs from the Compose file" in again.stderr) == ("All accessories already run.\n", False)
    assert _container(hello, environment) == before
    assert "SENTRY_RELEASE" not in str(before)
    script = "import socket; print(socket.create_connection(('cache', 6379), 2).getpeername()[1])"
    host = hello.rig.hosts[int(environment[-1]) - 1]
    assert host.docker("exec", f"{release}-web-1", "python3", "-c", script).strip() == "6379"

    host.docker("stop", before["Name"].lstrip("/"))
    cache["environment"] = {"MODE": "other"}
    hello.commit()
    changed = hello.run("accessories.up", "--env", environment)
    assert "cache differs from the Compose file: environment (MODE)." in changed.stderr
    assert "accessories.recreate" in changed.stderr
    assert changed.stdout == "Started cache.\n"
    assert _container(hello, environment)["Id"] == before["Id"]


def test_an_accessory_is_recreated_by_a_task_that_says_so_and_keeps_its_data(hello: Hello, environment: str) -> None:
    cache = _with_cache(hello)
    del cache["volumes"]  # what its image declares is kept, too
    hello.commit()
    hello.tagship("accessories.up", "--env", environment)
    host = hello.rig.hosts[int(environment[-1]) - 1]
    before = _container(hello, environment)
    name = before["Name"].lstrip("/")
    host.docker("exec", name, "sh", "-c", "redis-cli set color green && redis-cli save")
    cache["environment"] = {"MODE": "other"}
    cache["volumes"] = ["/srv:/srv:ro"]
    hello.commit()

    unconfirmed = hello.run("accessories.recreate", "--env", environment, "--name", "cache")
    assert (unconfirmed.returncode, _container(hello, environment)["Id"]) == (9, before["Id"])
    assert "environment (MODE)" in unconfirmed.stdout
    assert "mounts /srv of the server" in unconfirmed.stderr
    assert hello.run("accessories.recreate", "--env", environment, "--name", "db", "--yes").returncode == 2
    hello.tagship("accessories.recreate", "--env", environment, "--name", "cache", "--yes")

    after = _container(hello, environment)
    assert after["Id"] != before["Id"]
    assert "MODE=other" in after["Config"]["Env"]
    assert host.docker("exec", name, "redis-cli", "get", "color").strip() == "green"


def _with_cache(hello: Hello) -> dict[str, Any]:
    """The Compose file's new service, an accessory."""
    cache: dict[str, Any] = {
        "image": hello.rig.image("redis"),
        "healthcheck": {"test": ["CMD", "redis-cli", "ping"], "interval": "1s"},
        "volumes": ["cache:/data"],
    }
    hello.compose["services"]["cache"] = cache
    hello.compose["volumes"] = {"cache": None}
    hello.settings["release"] = {"services": ["web"], "accessories": ["cache"]}
    return cache


def _container(hello: Hello, environment: str) -> dict[str, Any]:
    """The accessory's, as its engine inspects it, but for what changes by itself."""
    host = hello.rig.hosts[int(environment[-1]) - 1]
    (found,) = json.loads(host.docker("inspect", f"{hello.name}-{environment}-accessories-cache-1"))
    return {key: found[key] for key in ("Id", "Name", "Config", "Mounts")} | {"Started": found["State"]["StartedAt"]}


def test_workers_change_places_only_after_the_cutover_and_a_singleton_is_never_there_twice(hello: Hello) -> None:
    python = hello.compose["services"]["web"]["build"]
    for name in ("worker", "clock"):
        hello.compose["services"][name] = {
            "build": python,
            "command": ["python3", "-c", "import time; time.sleep(3600)"],
            "init": True,
        }
    hello.settings["release"] = {"singletons": ["clock"]}
    hello.commit()
    hello.ship("host1")
    hello.commit()

    steps = list(hello.ship("host1")["steps"])

    cutover = next(at for at, step in enumerate(steps) if step.startswith("Cut over"))
    stop_clock = next(at for at, step in enumerate(steps) if step.startswith("Stop clock"))
    workers = next(at for at, step in enumerate(steps) if step.startswith("Start clock, worker"))
    assert cutover < stop_clock < workers
    running = hello.rig.hosts[0].docker(
        "ps", "--format", '{{.Label "com.docker.compose.service"}}', "--filter", f"label=tagship.app={hello.name}"
    )
    assert sorted(running.split()) == ["clock", "web", "worker"]


def test_migrations_of_any_framework_run_once_with_the_apps_own_options_and_are_recorded(hello: Hello) -> None:
    script = (
        "import os, pathlib, sys; done = pathlib.Path('/state/done'); "
        "sys.argv[1] == 'apply' and done.write_text(os.environ['PGOPTIONS']); done.exists() or print('0001_first')"
    )
    hello.compose["services"]["web"]["environment"]["PGOPTIONS"] = "-c search_path=${SCHEMA:?}"
    hello.compose["services"]["web"]["volumes"] = ["state:/state"]
    hello.compose["volumes"] = {"state": None}
    (hello.folder / "migrate.py").write_text(script)
    hello.append("Dockerfile", "COPY migrate.py /migrate.py\n")
    hello.settings["release"] = {
        "migrations": {"service": "web", "pending": "python3 /migrate.py look", "apply": "python3 /migrate.py apply"}
    }
    hello.commit()
    hello.tagship("build")
    hello.tagship("push")
    env = {"SCHEMA": "a$b"}

    assert "pending  0001_first" in hello.tagship("migrate", "--env", "host1", "--dry-run", env=env)
    deployed = json.loads(hello.tagship("deploy", "--env", "host1", "--json", env=env))
    assert deployed["migrations"] == ["0001_first"]
    assert "No migration is pending" in hello.tagship("migrate", "--env", "host1", env=env)
    said = hello.rig.hosts[0].docker("exec", f"{deployed['release']}-web-1", "cat", "/state/done")
    assert said == "-c search_path=a$b -c lock_timeout=5s"


def test_a_volume_is_made_as_the_file_says_and_another_one_of_its_name_is_refused(
    hello: Hello, environment: str
) -> None:
    host = hello.rig.hosts[int(environment[-1]) - 1]
    hello.compose["services"]["web"]["volumes"] = ["cache:/cache"]
    options = {"type": "tmpfs", "device": "tmpfs", "o": "size=1m"}
    hello.compose["volumes"] = {"cache": {"driver": "local", "driver_opts": options, "labels": {"team": "x"}}}
    sha = hello.commit()
    hello.ship(environment)

    (made,) = json.loads(host.docker("volume", "inspect", f"{hello.name}-{environment}_cache"))
    assert (made["Options"], made["Labels"]["team"]) == (options, "x")

    hello.compose["volumes"] = {"cache": None, "nfs": {"external": True, "name": "not-there"}}
    hello.compose["services"]["web"]["volumes"].append("nfs:/nfs")
    hello.commit()
    refused = hello.run("ship", "--env", environment)
    assert refused.returncode == 9
    assert "has another driver_opts.device, driver_opts.o, driver_opts.type" in refused.stderr
    assert "no volume not-there" in refused.stderr
    assert sha in hello.get(environment)


def test_a_failed_migration_leaves_the_old_release_serving(hello: Hello) -> None:
    good = hello.commit()
    hello.ship("host1")
    hello.settings["release"] = {
        "migrations": {"service": "web", "pending": "echo 0002_second", "apply": "sh -c 'echo lock timeout; exit 3'"}
    }
    hello.commit()

    refused = hello.run("ship", "--env", "host1")

    assert refused.returncode == 11
    assert "lock timeout" in refused.stderr
    assert good in hello.get("host1")


def _state(hello: Hello) -> str:
    """Everything that the edge's volume holds of the application."""
    return hello.rig.hosts[0].docker("exec", "tagship-edge", "sh", "-c", f"cat $(find /tagship/{hello.name}-* -type f)")


def test_a_store_that_is_down_stops_a_deploy_but_no_rollback_to_what_still_stands(hello: Hello) -> None:
    store = hello.folder / "store.json"
    (hello.folder / ".gitignore").write_text("store.json\n")
    store.write_text(json.dumps({"API_KEY": "one"}))
    hello.settings["secrets"] = [f"command://{sys.executable} -c \"print(open('store.json').read())\""]
    hello.compose["services"]["web"]["environment"] |= {"COLOR": "${API_KEY:?}"}
    first = hello.commit()
    hello.ship("host1")
    second = hello.commit()
    hello.ship("host1")
    store.unlink()

    refused = hello.run("deploy", "--env", "host1")
    back = hello.tagship("rollback", "--env", "host1")

    assert (refused.returncode, "store.json" in refused.stderr) == (22, True)
    assert second not in hello.get("host1")
    assert f"hello {first} one" in hello.get("host1")
    assert "host1 runs" in back
    forth = hello.run("rollback", "--env", "host1", "--to", second[:8])
    assert (forth.returncode, "starts with the secrets that it had" in forth.stderr) == (0, True)
    assert f"hello {second} one" in hello.get("host1")


@pytest.mark.thorough
def test_a_store_that_is_down_is_said_where_the_release_has_to_be_made_again(hello: Hello) -> None:
    store = hello.folder / "store.json"
    (hello.folder / ".gitignore").write_text("store.json\n")
    store.write_text(json.dumps({"API_KEY": "one"}))
    hello.settings["secrets"] = [f"command://{sys.executable} -c \"print(open('store.json').read())\""]
    hello.compose["services"]["web"]["environment"] |= {"COLOR": "${API_KEY:?}"}
    hello.commit()
    first = hello.ship("host1")["release"]
    second = hello.commit()
    hello.ship("host1")
    store.unlink()
    hello.rig.hosts[0].docker("rm", f"{first}-web-1")

    told = hello.run("rollback", "--env", "host1")

    assert told.returncode == 22
    assert "has to be created again, which needs its secrets" in told.stderr
    assert second in hello.get("host1")
