"""moto's server in place of AWS, in this process."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests
from moto.secretsmanager.models import FakeSecret
from moto.server import ThreadedMotoServer


@contextmanager
def serve(address: str = "127.0.0.1") -> Iterator[str]:
    """Its URL. It makes each new version of a secret the current one; AWS does that only if it is asked for."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    makes_current = FakeSecret.reset_default_version

    def reset(self: FakeSecret, version: dict[str, Any], name: str) -> None:
        if "AWSCURRENT" in version["version_stages"]:
            makes_current(self, version, name)
        else:
            self.versions[name] = version

    server = ThreadedMotoServer(address, 0, verbose=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FakeSecret, "reset_default_version", reset)
        server.start()
        try:
            url = "http://{}:{}".format(*server.get_host_and_port())
            requests.post(f"{url}/moto-api/reset", timeout=5)  # what it holds outlives a server in the same process
            yield url
        finally:
            server.stop()
