"""A published release runs with Compose alone, from the registry."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hello import Hello

_PORT = 18443
_TLS = """import socket, ssl, sys, threading
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1])
host, port = sys.argv[3].split(":")

def pump(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    target.close()

server = socket.create_server(("127.0.0.1", int(sys.argv[2])))
print("ready", flush=True)
while True:
    plain = socket.create_connection((host, int(port)))
    try:
        client = context.wrap_socket(server.accept()[0], server_side=True)
    except OSError:
        continue
    for pair in ((client, plain), (plain, client)):
        threading.Thread(target=pump, args=pair, daemon=True).start()
"""


@pytest.fixture
def certificate(hello: Hello, tmp_path: Path) -> Iterator[Path]:
    """HTTPS before the rig's registry, at localhost, because Compose reads artifacts only by HTTPS; its certificate."""
    file = tmp_path / "localhost.pem"
    subprocess.run(
        [
            shutil.which("openssl") or "openssl", "req", "-x509", "-nodes", "-newkey", "ec",
            "-pkeyopt", "ec_paramgen_curve:P-256", "-subj", "/CN=localhost",
            "-addext", "subjectAltName=DNS:localhost", "-keyout", file,
            "-out", f"{file}.crt",
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    file.write_text(file.read_text() + Path(f"{file}.crt").read_text())
    argv = [sys.executable, "-c", _TLS, str(file), str(_PORT), hello.rig.registry.address]
    with subprocess.Popen(hello.rig.laptop.command(argv), stdout=subprocess.PIPE, text=True) as proxy:
        assert proxy.stdout
        assert proxy.stdout.readline() == "ready\n"
        yield Path(f"{file}.crt")
        proxy.kill()


def test_any_compose_runs_a_published_release_without_tagship(hello: Hello, certificate: Path) -> None:
    hello.settings["release"] = {"publish": True, "accessories": ["cache"]}
    hello.compose["services"]["web"]["environment"]["COLOR"] = "${COLOR:?which}"
    hello.compose["services"]["web"]["ports"] = ["127.0.0.1:18123:8000"]
    hello.compose["services"]["cache"] = {"image": hello.rig.image("redis")}
    hello.environment["COLOR"] = "correct-horse"
    sha = hello.commit()
    hello.tagship("build")
    hello.tagship("push")
    published = json.loads(hello.tagship("release.publish", "--json"))
    assert published["tagged"] == f"{hello.settings['registry']}/release:{sha}"

    def compose(*words: str, color: str = "") -> subprocess.CompletedProcess[str]:
        where = f"oci://localhost:{_PORT}/{hello.name}/release:{sha}"
        given = {"XDG_CACHE_HOME": str(hello.folder / "cache"), "COLOR": color, "SSL_CERT_FILE": str(certificate)}
        return subprocess.run(
            hello.rig.laptop.command(["docker", "compose", "-f", where, *words]),
            env={**hello.rig.laptop.environment, **given},
            cwd=hello.folder.parent, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip

    unset = compose("config").stderr
    assert "which" in unset, unset  # no value of a variable is in it
    services = json.loads(compose("config", "--format", "json", color="red").stdout)["services"]
    assert all("@sha256:" in service["image"] for service in services.values())
    try:
        up = compose("up", "--yes", "--detach", "--wait", color="red")
        assert up.returncode == 0, up.stderr
        assert hello.get_at("http://127.0.0.1:18123/").strip() == f"200 hello {sha} red"
    finally:
        compose("down", "--volumes", color="red")
