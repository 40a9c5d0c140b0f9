"""A secret is rotated and deployed: nobody notices, and nothing else changes."""

import json

from tests.hello import Hello

URI = "dotenv://.env.secret"


def test_a_rotated_secret_waits_for_the_deploy_which_fails_no_request_and_leaves_the_accessory_alone(
    hello: Hello,
) -> None:
    hello.compose["services"]["web"]["environment"] |= {"COLOR": "${API_KEY:?}"}
    hello.compose["services"]["cache"] = {
        "image": hello.rig.image("redis"),
        "healthcheck": {"test": ["CMD", "redis-cli", "ping"], "interval": "1s"},
    }
    hello.settings |= {"secrets": URI, "release": {"services": ["web"], "accessories": ["cache"]}}
    (hello.folder / ".gitignore").write_text(".env.secret\n")
    store = hello.folder / ".env.secret"
    store.touch(mode=0o600)
    hello.commit()

    lacking = hello.run("secrets.check", "--env", "host1")
    refused = hello.run("ship", "--env", "host1")
    store.write_text("API_KEY=the-old-key\n")
    hello.tagship("accessories.up", "--env", "host1")
    first = hello.ship("host1")
    host = hello.rig.hosts[0]
    cache = host.docker("ps", "--quiet", "--filter", "name=cache")

    said = hello.tagship("secrets.rotate", "API_KEY", "--env", "host1", "--keep-as", "API_KEY_OLD")
    new = dict(line.replace("'", "").split("=", 1) for line in store.read_text().splitlines())
    before = hello.get("host1")
    load = hello.load("host1")
    done = json.loads(hello.tagship("deploy", "--env", "host1", "--json"))
    seen = load.stop()

    assert (lacking.returncode, refused.returncode) == (2, 2)
    assert "refused: host1 has no value for API_KEY" in lacking.stdout
    assert "host1 has no value for API_KEY" in refused.stderr
    assert "To bring it to web: tagship deploy --env host1" in said
    assert "the-old-key" in before
    assert new["API_KEY_OLD"] == "the-old-key"
    assert new["API_KEY"] in hello.get("host1")
    assert seen["failures"] == []
    assert len(seen["releases"]) == 2
    assert done["release"] != first["release"]
    assert done["release"][: -len("123456")] == first["release"][: -len("123456")], "the same commit"
    assert host.docker("ps", "--quiet", "--filter", "name=cache") == cache
    assert new["API_KEY"] not in said + json.dumps(done)
