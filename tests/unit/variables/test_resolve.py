"""What a configuration is, and what of it could bring migrations."""

import pytest

from tagship.names import Version
from tagship.release.model import Release, Shape, Sources
from tagship.reporting import redaction
from tagship.secret import Secret
from tagship.variables.resolve import Resolution
from tests.fakes.builders import MIGRATIONS, PLACE, image, sha

MODEL = {
    "services": {
        "web": {"environment": {"KEY": redaction.marker("KEY")}, "secrets": [{"source": "token"}]},
        "worker": {"environment": {"OTHER": redaction.marker("OTHER")}},
    },
    "secrets": {"token": {"environment": "TOKEN"}},
}
SHAPE = Shape(("web", "worker"), migrations=MIGRATIONS)
RELEASE = Release(Version(sha("a")), {"web": image("web", "1"), "worker": image("worker", "1")}, Sources({}), SHAPE)


@pytest.mark.parametrize(("rotated", "asks"), [("KEY", True), ("TOKEN", True), ("OTHER", False)])
def test_a_rotation_is_another_release_and_concerns_migrations_only_if_their_service_uses_it(
    rotated: str, *, asks: bool
) -> None:
    secrets = {name: Secret("before") for name in ("KEY", "TOKEN", "OTHER")}

    before = Resolution(PLACE, MODEL, {}, secrets).rendered(RELEASE, b"key")
    after = Resolution(PLACE, MODEL, {}, secrets | {rotated: Secret("after")}).rendered(RELEASE, b"key")

    assert before.name != after.name
    assert (before.configuration.schema != after.configuration.schema) is asks
