"""An application deployed with its secret from each store in turn, the secret changed, and deployed again."""

import json
from collections.abc import Callable, Iterator

import pytest

from tests import secret_stores as kinds
from tests.fakes import aws
from tests.fakes.servers import Answer, on_port
from tests.hello import Hello
from tests.rig import Rig
from tests.rig.network import GATEWAY
from tests.secret_stores import Backing

HOST = "host1"
READ_ONLY = {"env", "command"}


@pytest.fixture(scope="module")
def app(rig: Rig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hello]:
    """The application, live with a secret from its environment."""
    made = Hello(rig, tmp_path_factory.mktemp("stores") / "app", "stores")
    made.compose["services"]["web"]["environment"]["COLOR"] = "${COLOR:?}"
    made.append(".gitignore", "/.env.secrets\n/out.json\n/production.yaml\n")
    made.commit()
    made.tagship("ship", "--env", HOST, env={"COLOR": "first"})
    yield made
    made.remove()


@pytest.fixture(scope="module")
def amazon() -> Iterator[str]:
    """What stands in for AWS, where the laptop reaches it."""
    with aws.serve(GATEWAY) as url:
        yield url


class Stores:
    """Makes what is behind each kind of store, in the application's folder, and sets the variables that it needs."""

    def __init__(self, app: Hello, amazon: str, patch: pytest.MonkeyPatch) -> None:
        self.app, self.amazon, self.patch = app, amazon, patch
        self.folder = app.folder
        self.vault = app.rig.vault

    def made(self, kind: str) -> Backing:
        """One, empty."""
        of_aws: dict[str, type[kinds.OneSecret | kinds.ManySecrets | kinds.Parameters]] = {
            "aws-sm, one secret": kinds.OneSecret,
            "aws-sm, many secrets": kinds.ManySecrets,
            "aws-ssm": kinds.Parameters,
        }
        plain: dict[str, Callable[[], Backing]] = {
            "env": lambda: kinds.Environment(self.folder, self.patch),
            "dotenv": lambda: kinds.Dotenv(self.folder),
            "command": lambda: kinds.Command(self.folder),
            "sops": lambda: kinds.Sops(self.folder, self.patch),
            "vault, AppRole": lambda: self._vault(self.vault.approle("stores", "stores")),
            "vault, GitHub's JWT": lambda: self._vault({}, "?role=stores"),
        }
        return of_aws[kind](self.folder, self.amazon, self.patch) if kind in of_aws else plain[kind]()

    def _vault(self, login: dict[str, str], options: str = "") -> kinds.Kv:
        made = kinds.Kv(self.folder, self.vault, "secret", self.patch)
        self.vault.policy("stores", {made.path: ["read", "create", "update"]})
        self.patch.delenv("VAULT_TOKEN")
        for name, value in login.items():
            self.patch.setenv(name, value)
        made.uri += options
        return made


@pytest.fixture
def stores(app: Hello, amazon: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stores]:
    """With a job of GitHub Actions around it, for the store that wants one."""
    with on_port(address=GATEWAY) as github:
        made = Stores(app, amazon, monkeypatch)
        made.vault.github("stores", "stores")
        github.answers["GET /token"] = lambda _: Answer(body={"value": made.vault.github_token()})
        monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", f"http://{GATEWAY}:{github.port}/token?api-version=2.0")
        monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "of the runner")
        yield made


def deploy(app: Hello) -> str:
    """Deploy the commit with today's secrets; what the application answers then."""
    app.tagship("deploy", "--env", HOST, "--sha", app.git("rev-parse", "HEAD").strip())
    return app.get(HOST).split()[-1]


@pytest.mark.parametrize(
    "kind",
    [
        "env",
        "dotenv",
        "command",
        "sops",
        "vault, AppRole",
        pytest.param("vault, GitHub's JWT", marks=pytest.mark.thorough),
        pytest.param("aws-sm, one secret", marks=pytest.mark.thorough),
        "aws-sm, many secrets",
        "aws-ssm",
    ],
)
def test_a_secret_comes_from_the_store_and_a_new_value_with_the_next_deploy(
    kind: str, app: Hello, stores: Stores
) -> None:
    backing = stores.made(kind)
    backing.fill({"COLOR": f"{kind[:5]}-old"})
    app.settings["secrets"] = backing.uri
    (app.folder / "tagship.yml").write_text(json.dumps(app.settings))
    assert deploy(app) == f"{kind[:5]}-old"

    if kind in READ_ONLY:
        backing.fill({"COLOR": "changed"})
    else:
        argv = [app.program, "secrets.set", "COLOR", "--env", HOST]
        app.rig.laptop.run(argv, cwd=app.folder, stdin="changed")

    assert deploy(app) == "changed"
