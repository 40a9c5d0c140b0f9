"""Registries: with a password, embedded, none at all, and one that is down."""

import base64
import json
import subprocess

from tests.hello import Hello


def test_a_private_registry_is_signed_in_to_from_the_environment_and_the_server_keeps_nothing(hello: Hello) -> None:
    private = hello.rig.private_registry
    hello.settings["registry"] = f"{private.address}/{hello.name}"
    sha = hello.commit()
    credentials = {"TAGSHIP_REGISTRY_USERNAME": private.username, "TAGSHIP_REGISTRY_PASSWORD": private.password}

    refused = hello.run("ship", "--env", "host1")
    assert refused.returncode == 7
    assert "docker login" in refused.stderr

    hello.tagship("ship", "--env", "host1", env=credentials)
    assert sha in hello.get("host1")
    search = 'grep -rlsF -- "$0" /home /root/.docker /var/lib/docker/containers || true'
    kept = hello.rig.hosts[0].run(["sh", "-c", search, private.password])
    assert kept == ""


def test_a_rollback_has_its_images_from_a_private_registry_again(hello: Hello, environment: str) -> None:
    private = hello.rig.private_registry
    hello.settings["registry"] = f"{private.address}/{hello.name}"
    credentials = {"TAGSHIP_REGISTRY_USERNAME": private.username, "TAGSHIP_REGISTRY_PASSWORD": private.password}
    first = hello.commit()
    hello.tagship("ship", "--env", environment, env=credentials)
    hello.commit()
    hello.tagship("ship", "--env", environment, env=credentials)
    host = hello.rig.hosts[int(environment[-1]) - 1]
    stopped = host.docker("ps", "-aq", "--filter", f"label=tagship.app={hello.name}", "--filter", "status=exited")
    host.docker("rm", *stopped.split())
    host.docker("image", "prune", "--all", "--force", "--filter", f"label=org.opencontainers.image.revision={first}")

    hello.tagship("rollback", "--env", environment, env=credentials)

    assert first in hello.get(environment)


def test_a_private_registry_is_signed_in_to_from_where_docker_login_keeps_it(hello: Hello) -> None:
    private = hello.rig.private_registry
    hello.settings["registry"] = f"{private.address}/{hello.name}"
    sha = hello.commit()
    config = hello.folder.parent / "docker"
    config.mkdir()
    auth = base64.b64encode(f"{private.username}:{private.password}".encode()).decode()
    (config / "config.json").write_text(json.dumps({"auths": {private.address: {"auth": auth}}}))
    (config / "cli-plugins").symlink_to(f"{hello.rig.laptop.environment['DOCKER_CONFIG']}/cli-plugins")

    hello.tagship("ship", "--env", "host2", env={"DOCKER_CONFIG": str(config)})

    assert sha in hello.get("host2")


def test_the_embedded_registry_is_reached_through_the_one_ssh_connection(hello: Hello, environment: str) -> None:
    hello.settings["registry"] = "embedded"
    hello.settings["registry-image"] = hello.rig.image("registry")
    sha = hello.commit()
    try:
        hello.ship(environment)
        assert sha in hello.get(environment)
    finally:
        hello.rig.laptop.run(["docker", "compose", "-p", f"{hello.name}-registry", "down", "--volumes"])


def test_a_local_engine_needs_no_registry(hello: Hello) -> None:
    hello.settings["environments"] = {"local": {"engine": "local", "url": "http://localhost:8080"}}
    hello.settings |= {"registry": "", "edge": {"image": hello.rig.image("caddy"), "http": 8080, "https": 0}}
    sha = hello.commit()
    try:
        hello.ship("local")
        assert sha in hello.get("local")
        hello.commit()
        hello.ship("local")
        hello.tagship("rollback", "--env", "local")
        assert sha in hello.get("local")
    finally:
        _clear_laptop(hello)


def test_https_is_served_with_a_certificate_and_http_is_sent_there(hello: Hello) -> None:
    hello.settings["environments"] = {"local": {"engine": "local", "url": "https://localhost"}}
    edge = {"image": hello.rig.image("caddy"), "http": 80, "https": 443, "tls": "internal"}
    hello.settings |= {"registry": "", "edge": edge, "smoke-within": "10s"}
    hello.settings["smoke"] = [
        {"path": "/", "contains": "hello", "headers": {"Strict-Transport-Security": "max-age=31536000"}}
    ]
    hello.commit()
    try:
        # its certificate is signed by an authority of the edge's own, which nobody trusts yet
        refused = hello.run("ship", "--env", "local")
        assert refused.returncode == 13
        assert "certificate verify failed" in refused.stderr
        root = hello.folder.parent / "root.crt"
        found = hello.rig.laptop.run(
            ["docker", "exec", "tagship-edge", "cat", "/data/caddy/pki/authorities/local/root.crt"]
        )
        root.write_text(found.stdout)

        hello.tagship("deploy", "--env", "local", env={"SSL_CERT_FILE": str(root)})

        plain = hello.rig.laptop.run(["curl", "-sI", "http://localhost/some?thing"]).stdout
        assert "308" in plain
        assert "https://localhost/some?thing" in plain
    finally:
        _clear_laptop(hello)


def test_a_builder_that_can_keeps_layers_and_attests_and_one_that_cannot_says_so_first(hello: Hello) -> None:
    laptop = hello.rig.laptop
    hello.settings["build"] = {"cache": "registry", "provenance": "max"}
    hello.commit()

    refused = hello.run("build")

    assert refused.returncode == 9
    assert "build.cache: the engine's own builder can't keep a cache for `registry`." in refused.stderr
    assert "build.provenance: the engine's image store can't hold attestations." in refused.stderr
    with laptop.engine.containerd_store():
        hello.ship("host1")
        sha = hello.commit(hello="hello again")
        laptop.run(["docker", "builder", "prune", "--all", "--force"])
        again = hello.run("build", "--verbose").stderr
        hello.ship("host1")
    assert sha in hello.get("host1")
    assert "importing cache manifest from" in again
    repository = f"http://{hello.rig.registry.address}/v2/{hello.name}/web/manifests/{sha}"
    accept = "Accept: application/vnd.oci.image.index.v1+json"
    index = json.loads(laptop.run(["curl", "-sf", "-H", accept, repository]).stdout)
    kinds = [each.get("annotations", {}).get("vnd.docker.reference.type") for each in index["manifests"]]
    assert kinds == [None, "attestation-manifest"]


def test_with_the_registry_down_what_the_server_has_is_deployed(hello: Hello) -> None:
    hello.settings["registry"] = "embedded"
    hello.settings["registry-image"] = hello.rig.image("registry")
    first = hello.commit()
    registry = f"{hello.name}-registry"
    try:
        hello.ship("host1")
        second = hello.commit()
        hello.ship("host1")
        hello.rig.laptop.run(["docker", "compose", "-p", registry, "stop"])

        hello.tagship("deploy", "--env", "host1", "--sha", first[:8])
        assert first in hello.get("host1")
        unknown = hello.commit()
        refused = hello.run("deploy", "--env", "host1")
        assert refused.returncode == 7
        assert "doesn't answer" in refused.stderr
        assert unknown not in hello.get("host1")
        hello.tagship("rollback", "--env", "host1", "--to", second[:8])
        assert second in hello.get("host1")
    finally:
        hello.rig.laptop.run(["docker", "compose", "-p", registry, "down", "--volumes"])


def test_a_tag_that_names_another_digest_is_never_overwritten(hello: Hello) -> None:
    sha = hello.commit()
    hello.tagship("build")
    pushed = hello.tagship("push")
    tag = f"{hello.rig.registry.address}/{hello.name}/web:{sha}"
    _laptop(hello, "docker", "build", "--quiet", "--no-cache", "--tag", tag, "--label", "tampered=1",
            "--build-arg", f"PYTHON_IMAGE={hello.rig.image('python')}", ".")  # fmt: skip

    refused = hello.run("push")

    assert refused.returncode == 7
    assert "is already" in refused.stderr
    _laptop(hello, "docker", "rmi", tag)
    assert hello.tagship("push") == pushed


def _laptop(hello: Hello, *argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        hello.rig.laptop.command(list(argv)), cwd=hello.folder, env=hello.rig.laptop.environment,
        capture_output=True, text=True, check=True,
    )  # fmt: skip


def _clear_laptop(hello: Hello) -> None:
    """Everything a local deploy left on the laptop's engine, its edge included."""
    for label in (f"tagship.app={hello.name}", "tagship.edge"):
        for kind, remove in (("container", ["rm", "-fv"]), ("volume", ["rm"]), ("network", ["rm"])):
            everything = ["-a"] if kind == "container" else []
            found = _laptop(hello, "docker", kind, "ls", "-q", *everything, "--filter", f"label={label}").stdout.split()
            if found:
                _laptop(hello, "docker", kind, *remove, *found)
    volumes = _laptop(hello, "docker", "volume", "ls", "-q", "--filter", "name=tagship-edge").stdout.split()
    if volumes:
        _laptop(hello, "docker", "volume", "rm", *volumes)
