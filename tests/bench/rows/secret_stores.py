"""How long each store of secrets takes, from asking until the values are there, in a process like a deploy's.

A deploy reads them while ssh connects, so this is the most that a store can add to it.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyrage

from tests.bench.results import Row
from tests.bench.scene import OURS_ALONE, Bench, Play, Scene
from tests.fakes import aws
from tests.rig import Rig
from tests.rig.network import GATEWAY

VALUES = {f"BENCH_{at}": "x" * 40 for at in range(20)}
PATH = "bench/shop"
STORES = {
    "env": "env://",
    "dotenv": "dotenv://.env.secret",
    "command": "command://cat secrets.json",
    "vault, token": f"vault://secret/{PATH}",
    "vault, AppRole": f"vault://secret/{PATH}",
    "aws-sm, one secret": f"aws-sm://{PATH}",
    "aws-sm, 20 secrets": f"aws-sm://{PATH}/",
    "aws-ssm": f"aws-ssm://{PATH}",
    "sops": "sops://secrets.enc.yaml",
}
TIMES = 5
_READ = """
import json, sys, time
from pathlib import Path
import docker, requests, tagship.commands.orders, tagship.images.commit, tagship.server.session
from tagship.variables import secrets
began = time.perf_counter()
found = secrets.values([sys.argv[1]], json.loads(sys.argv[2]), Path.cwd())
took = time.perf_counter() - began
assert len(found) == len(json.loads(sys.argv[2]))
print(took)
"""


@dataclass
class Stage:
    """Stores with the same values, and a laptop to read them from."""

    rig: Rig
    python: Path
    folder: Path
    variables: Mapping[str, Mapping[str, str]]
    """Store → what the reading process needs for it."""

    def seconds(self, store: str) -> float:
        """One reading, in a fresh process that has imported what a deploy imports without it."""
        argv = [str(self.python), "-c", _READ, STORES[store], json.dumps(list(VALUES))]
        return float(self.rig.laptop.run(argv, cwd=self.folder, env=self.variables.get(store)).stdout)


@contextmanager
def stage(bench: Bench, who: str) -> Iterator[Stage]:
    """Every store filled. Vault is a process of its own; what stands in for AWS is in this one, which is idle."""
    vault, folder = bench.rig.vault, bench.fresh("stores")
    folder.mkdir()
    key = files(folder)
    vault.api("POST", f"secret/data/{PATH}", {"data": VALUES})
    vault.policy("bench", {f"secret/data/{PATH}": ["read"]})
    with aws.serve(GATEWAY) as url:
        fill(url)
        keys = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_REGION": "eu-west-1"}
        programs = f"{Path(sys.executable).parent}:{bench.rig.laptop.environment['PATH']}"
        yield Stage(bench.rig, bench.programs[who] / "python", folder, {
            "env": VALUES,
            "vault, token": vault.variables() | {"VAULT_TOKEN": vault.token("bench")},
            "vault, AppRole": vault.variables() | vault.approle("bench", "bench"),
            "sops": {"SOPS_AGE_KEY": key, "PATH": programs},
            **{name: {"AWS_ENDPOINT_URL": url, **keys} for name in STORES if name.startswith("aws")},
        })  # fmt: skip


def files(folder: Path) -> str:
    """Write the stores that are files; returns the age key of one."""
    key = pyrage.x25519.Identity.generate()
    (folder / "secrets.json").write_text(json.dumps(VALUES))
    secret = folder / ".env.secret"
    secret.write_text("".join(f"{name}={value}\n" for name, value in VALUES.items()))
    secret.chmod(0o600)
    sops = str(Path(sys.executable).with_name("sops"))
    argv = [sops, "encrypt", "--age", str(key.to_public()), "--output-type", "yaml", str(folder / "secrets.json")]
    done = subprocess.run(argv, check=True, capture_output=True)
    (folder / "secrets.enc.yaml").write_bytes(done.stdout)
    return str(key)


def fill(url: str) -> None:
    """Fill the account of moto's server."""
    import boto3  # noqa: PLC0415 - only for this row

    session = boto3.Session("x", "x", region_name="eu-west-1")
    manager = session.client("secretsmanager", endpoint_url=url)
    parameters = session.client("ssm", endpoint_url=url)
    manager.create_secret(Name=PATH, SecretString=json.dumps(VALUES))
    for name, value in VALUES.items():
        manager.create_secret(Name=f"{PATH}/{name}", SecretString=value)
        parameters.put_parameter(Name=f"/{PATH}/{name}", Value=value, Type="SecureString")


def read(staged: Stage) -> Mapping[str, float]:
    """Seconds: the quickest of some turns, each store once a turn."""
    turns = [{store: staged.seconds(store) for store in STORES} for _ in range(TIMES)]
    return {f"secrets-{at}": min(turn[store] for turn in turns) for at, store in enumerate(STORES, 1)}


SCENE = Scene(
    stage,
    (
        Play(
            read,
            tuple(
                Row(f"secrets-{at}", f"reading 20 secrets from {store}", aim="≤ 0.3 s")
                for at, store in enumerate(STORES, 1)
            ),
            OURS_ALONE,
        ),
    ),
)
