"""Secrets of five shapes go through everything that Tagship does, and are only where docs/security.md says."""

import base64
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests import leaks
from tests import secret_stores as kinds
from tests.fakes import aws
from tests.fakes.servers import Answer, Server, on_port
from tests.hello import Hello
from tests.leaks import Canaries, Watched
from tests.rig import Rig
from tests.rig.network import GATEWAY

Stores = dict[str, str]
"""URI → the secret in it."""
PROCESSES = {
    ("tagship", "environ"),  # what CI gives the deploying process
    ("crash", "environ"),
    ("print.py", "environ"),  # a program that is a store gets the whole environment
    ("sops", "environ"),  # the key that it decrypts with
    ("docker-compose", "environ"),  # Compose `secrets`, from which it takes them
    ("docker-buildx", "environ"),  # build secrets
    ("nsenter", "environ"),  # how a test runs a program on the laptop, before it becomes that program
    ("runc", "environ"),  # what becomes the app
    (leaks.CONTAINER, "environ"),  # the app, its health checks and its migrations
}
"""Program and where it has a value."""
ENGINE = ("config.v2.json", "config.json", "meta.db", "run/secrets/token", "-json.log")
"""Ends of paths in the engine's store: variables, twice for containerd, files of `secrets`, the app's output."""
SHARED = (Path("/dev/shm"), Path("/var/tmp"))  # noqa: S108 - where leaks would be
CRASH = """#!{python}
from tagship import cli
from tagship.secret import Secret
from tagship.server.target import Server

def crash(self, *_):
    values = [secret.reveal() for secret in self._secrets.values()]
    raise RuntimeError("a bug of ours with " + " and ".join(values))

Server.cutover = crash
cli.main()
"""


@dataclass
class Run:
    """All that was done, and what can be looked through."""

    app: Hello
    canaries: Canaries = field(repr=False)
    since: float = field(default_factory=time.time)
    seen: Watched = field(default_factory=Watched)
    said: list[str] = field(default_factory=list)
    sent: list[bytes] = field(default_factory=list)
    store: tuple[Path, ...] = ()
    """Files that are stores themselves."""
    stores: Stores = field(default_factory=dict)
    temporary: Path = Path()

    def tagship(self, *words: str, code: int = 0, program: str = "") -> str:
        """Run a task. Returns all that it printed."""
        app, usual = self.app, self.app.program
        app.program = program or usual
        done = app.run(*words)
        app.program = usual
        self.said += [done.stdout, done.stderr]
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    @property
    def engine_store(self) -> tuple[Path, Path]:
        """The server's engine's own folders, as this machine sees them: what stays, and what runs."""
        root = Path(f"/proc/{self.app.rig.hosts[0].machine.pid}/root")
        return root / "var/lib/docker", root / "run/docker"

    def in_files(self) -> list[str]:
        """Files of both machines, of the registry and of the edge's volume, outside the engines' stores."""
        rig, host = self.app.rig, Path(f"/proc/{self.app.rig.hosts[0].machine.pid}/root")
        laptop = [
            self.app.folder.parent,
            rig.laptop.home,
            *SHARED,
        ]
        server = [path for path in host.iterdir() if path.name not in {"proc", "sys", "dev"}]
        registry = rig.folder.cache / "registry"
        without = [host / "rig/point", *self.store, *self.engine_store, self.app.folder.parent / "crash"]
        found = self.canaries.in_files([*laptop, *server, registry], self.since, without)
        return sorted({f"{path}: {name}" for path, name in found})

    def in_engine(self) -> set[str]:
        """Files in the server's engine's own store, by the end of their path."""
        found = self.canaries.in_files(self.engine_store, self.since)
        known = {path: next((end for end in ENGINE if str(path).endswith(end)), str(path)) for path, _ in found}
        return set(known.values())

    def in_metadata(self) -> set[str]:
        """What the engine says of containers, but for their variables, of images, volumes, networks; and the ledger."""
        docker, label = self.app.rig.hosts[0].docker, f"label=tagship.app={self.app.name}"
        ids = docker("ps", "-aq", "--filter", label).split()
        shapes = json.loads(docker("inspect", *ids))
        for shape in shapes:
            shape["Config"].pop("Env")
        images = sorted({shape["Image"] for shape in shapes})
        told = [
            json.dumps(shapes),
            docker("image", "inspect", *images),
            docker("volume", "ls"),
            docker("network", "ls"),
        ]
        told += [docker("history", "--no-trunc", image) for image in images]
        told.append(
            docker("exec", "tagship-edge", "sh", "-c", f"find /tagship/{self.app.name}-* -type f -exec cat {{}} +")
        )
        return {name for text in told for name in self.canaries.in_text(text)}


@pytest.fixture(scope="module")
def values() -> dict[str, str]:
    """The secrets' values."""
    return leaks.made()


def stored(app: Hello, values: Mapping[str, str], folder: Path, url: str, patch: pytest.MonkeyPatch) -> Stores:
    """Spread the secrets over every kind of store: URI → names."""
    dotenv, printed, script = folder / ".secret", folder / "store.json", folder / "print.py"
    dotenv.touch(0o600)
    dotenv.write_text(f"PLAIN={values['PLAIN']}\n")
    printed.write_text(json.dumps({"TOKEN": values["TOKEN"]}))
    script.write_text(f"print(open({str(printed)!r}).read())")
    kv = kinds.Kv(folder, app.rig.vault, "secret", patch)
    app.rig.vault.policy("canary", {kv.path: ("read", "create", "update")})
    patch.delenv("VAULT_TOKEN")
    for name, value in app.rig.vault.approle("canary", "canary").items():
        patch.setenv(name, value)
    backings: dict[str, kinds.Backing] = {
        "PEM": kv,
        "AWKWARD": kinds.OneSecret(folder, url, patch),
        "UNICODE": kinds.Parameters(folder, url, patch),
        "SOPSED": kinds.Sops(folder, patch),
    }
    for name, backing in backings.items():
        backing.fill({name: values[name]})
    return {
        f"dotenv://{dotenv}": "PLAIN",
        "env://CANARY_": "SHORT",
        f"command://{sys.executable} {script}": "TOKEN",
        **{backing.uri.replace("sops://", f"sops://{folder}/"): name for name, backing in backings.items()},
    }


def described(app: Hello, values: Mapping[str, str], stores: Stores) -> None:
    """Lay the application out, which uses its secrets in every way."""
    app.settings["secrets"] = [*stores]
    names = set(stores.values()) - {"TOKEN"}
    web = app.compose["services"]["web"]
    web["environment"] |= {name: f"${{{name}}}" for name in sorted(names)} | {"URL": "pg://u:${SHORT}@db"}
    web["secrets"] = ["token"]
    web["build"]["secrets"] = ["token"]
    app.compose["secrets"] = {"token": {"environment": "TOKEN"}}
    server = (app.folder / "server.py").read_text()
    talks = server.replace("GREETING =", "print(os.environ['PLAIN'], flush=True)\nGREETING =", 1)
    (app.folder / "server.py").write_text(talks)
    app.append("Dockerfile", "RUN --mount=type=secret,id=token sha256sum < /run/secrets/token > /proof.txt\n")
    private = app.rig.private_registry
    app.settings["registry"] = f"{private.address}/{app.name}"
    shown = "sh -c 'env >&2'"  # a careless command: what it prints is not repeated
    app.settings["release"] = {"migrations": {"service": "web", "pending": shown, "apply": "true"}}
    app.environment = {
        "CANARY_SHORT": values["SHORT"],
        "TAGSHIP_REGISTRY_USERNAME": private.username,
        "TAGSHIP_REGISTRY_PASSWORD": private.password,
    }


@pytest.fixture(scope="module")
def run(rig: Rig, values: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Everything was done once: deploys that succeed and that fail in every way, a crash of ours, rollbacks."""
    folder = tmp_path_factory.mktemp("canary")
    app = Hello(rig, folder / "app", "canary")
    values |= {"TOKEN": leaks.made()["AWKWARD"], "SOPSED": leaks.made()["PLAIN"]}
    patch, cloud = pytest.MonkeyPatch(), contextlib.ExitStack()
    stores = stored(app, values, folder, cloud.enter_context(aws.serve(GATEWAY)), patch)
    described(app, values, stores)
    app.environment |= {n: v for n, v in os.environ.items() if n.startswith(("VAULT_", "AWS_", "SOPS_"))}
    app.environment["PATH"] = rig.laptop.environment["PATH"]
    patch.undo()  # what only the deploying process has, this one and its programs don't have
    logins = {name: app.environment[name] for name in ("VAULT_SECRET_ID", "SOPS_AGE_KEY")}
    canaries = Canaries({**values, **logins, "REGISTRY": rig.private_registry.password})
    done = Run(app, canaries, stores=stores, store=(folder / ".secret", folder / "store.json"))
    done.temporary = folder / "tmp"
    done.temporary.mkdir()
    (folder / "crash").write_text(CRASH.format(python=sys.executable))
    (folder / "crash").chmod(0o700)
    app.environment["TMPDIR"] = str(done.temporary)
    with on_port({"POST /api/7/envelope/": Answer(body={})}, address=GATEWAY) as sentry:
        app.environment["TAGSHIP_SENTRY_DSN"] = f"http://0123456789abcdef@{GATEWAY}:{sentry.port}/7"
        try:
            with leaks.watching(canaries, [done.temporary, SHARED[0]]) as done.seen:
                everything(done, sentry)
            yield done
        finally:
            app.remove()
            cloud.close()


def everything(run: Run, sentry: Server) -> None:
    """All that may leak."""
    app = run.app
    app.commit()
    run.tagship("deploy", "--env", "host1", "--dry-run")
    run.tagship("ship", "--env", "host1", "--json")
    app.commit()
    run.tagship("ship", "--env", "host1")
    run.tagship("rollback", "--env", "host1")
    for uri, name in run.stores.items():
        if not uri.startswith(("env:", "command:")):
            written = ["secrets.set", name, "--env", "host1", "--store", uri]
            run.said.append(
                app.rig.laptop.run(
                    [app.program, *written], cwd=app.folder, stdin=run.canaries.values[name], env=app.environment
                ).stdout
            )
    for task in (
        ["secrets.list", "--env", "host1"],
        ["secrets.check", "--env", "host1"],
        ["status", "--env", "host1"],
        ["history", "--env", "host1", "--json"],
    ):
        run.tagship(*task)
    run.tagship("deploy", "--env", "host1", code=1, program=str(app.folder.parent / "crash"))
    good = (app.folder / "server.py").read_text()
    app.commit(
        **{"import http.server": "import os; print(dict(os.environ), *os.environ.values()); 1/0\nimport http.server"}
    )
    run.tagship("ship", "--env", "host1", code=12)
    (app.folder / "server.py").write_text(good)
    app.settings["release"]["migrations"] |= {"pending": "echo one", "apply": "sh -c 'env; env >&2; exit 1'"}
    app.commit()
    run.tagship("ship", "--env", "host1", code=11)
    app.append("Dockerfile", "RUN --mount=type=secret,id=token cat /run/secrets/token && false\n")
    app.commit()
    run.tagship("build", code=6)
    (run.store[1]).unlink()
    run.tagship("deploy", "--env", "host1", code=22)
    run.sent += [bytes(json.dumps(dict(request.headers)), "utf-8") + request.body for request in sentry.requests]


def test_nothing_that_was_printed_has_a_value(run: Run) -> None:
    text = "\n".join(run.said)

    assert "a bug of ours with" in text
    assert "⟦hidden⟧" in text
    assert run.canaries.in_text(text) == set()


def test_nothing_that_was_sent_to_sentry_has_a_value(run: Run) -> None:
    assert run.sent
    assert [run.canaries.found(body) for body in run.sent if run.canaries.found(body)] == []


def test_no_process_has_a_value_in_its_arguments_and_only_those_that_are_listed_in_their_variables(run: Run) -> None:
    assert {(program, kind) for program, kind, _ in run.seen.processes} <= PROCESSES
    assert (leaks.CONTAINER, "environ") in {(program, kind) for program, kind, _ in run.seen.processes}


def test_no_file_has_a_value_not_even_for_a_moment(run: Run) -> None:
    assert run.seen.files == set()
    assert run.in_files()[:20] == []


def test_the_servers_engine_has_them_in_its_own_store_exactly_where_it_is_documented(run: Run) -> None:
    assert run.in_engine() == set(ENGINE)


def test_no_label_name_command_image_layer_or_record_has_a_value(run: Run) -> None:
    assert run.in_metadata() == set()


def test_three_leaks_that_this_test_makes_itself_are_found(run: Run) -> None:
    value, host = run.canaries.values["PLAIN"], run.app.rig.hosts[0]
    leak = run.temporary / "leak"
    label = host.docker("ps", "-aq", "--filter", f"label=tagship.app={run.app.name}").split()[0]
    image = host.docker("inspect", "--format", "{{.Image}}", label).strip()
    with leaks.watching(run.canaries, [run.temporary]) as seen:
        leak.write_text(base64.b64encode(f"x{value}".encode()).decode())
        subprocess.run([sys.executable, "-c", "import time; time.sleep(0.3)", value], check=True)
    container = host.docker(
        "create", "--label", f"tagship.app={run.app.name}", "--label", f"leak={value}", image
    ).strip()
    try:
        assert run.in_metadata() == {"PLAIN"}
        assert run.in_files() == [f"{leak}: PLAIN"]
        assert (str(leak), "PLAIN") in seen.files
        assert ("argv", "PLAIN") in {(kind, name) for _, kind, name in seen.processes}
    finally:
        host.docker("rm", container)
        leak.unlink()
