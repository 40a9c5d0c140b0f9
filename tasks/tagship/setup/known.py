"""What is known of images by their names: which keep data, which are for development only, what can check them."""

import re
from dataclasses import dataclass

from tagship.setup.dockerfile import Dockerfile

_FETCH = (
    "fetch('http://127.0.0.1:{port}{path}').then((r) => { console.log('GET {path}: ' + r.status); "
    "process.exit(r.status < {bad} ? 0 : 1) }, (e) => { console.log(String(e.cause || e)); process.exit(1) })"
)
_PYTHON = (
    "import http.client, sys; c = http.client.HTTPConnection('127.0.0.1', {port}, timeout=3); "
    "c.request('GET', '{path}'); s = c.getresponse().status; sys.exit(f'GET {path}: {s}' if s >= {bad} else 0)"
)
_RUBY = "exit Net::HTTP.get_response('127.0.0.1', '{path}', {port}).code.to_i < {bad}"
_PHP = "exit(@file_get_contents('http://127.0.0.1:{port}{path}') === false ? 1 : 0);"
_PROBES: dict[str, tuple[str, ...]] = {
    "python": ("python", "-c", _PYTHON),
    "python3": ("python3", "-c", _PYTHON),
    "node": ("node", "-e", _FETCH),
    "ruby": ("ruby", "-rnet/http", "-e", _RUBY),
    "php": ("php", "-r", _PHP),
    "wget": ("wget", "-q", "-O", "/dev/null", "http://127.0.0.1:{port}{path}"),
    "curl": ("curl", "-sS{fail}", "-o", "/dev/null", "http://127.0.0.1:{port}{path}"),
}
"""Program → a request to the container itself."""
_HAVE = (
    (r"(^|/)(python|django|tiangolo|uvicorn|pypy)", "python"),
    (r"(^|/)(node|bun)", "node"),
    (r"(^|/)(ruby|rails|jruby)", "ruby"),
    (r"(^|/)(php|composer|wordpress|frankenphp)", "php"),
    (r"alpine|busybox|(^|/)(caddy|traefik)", "wget"),
    (r"(^|/)(nginx|httpd|golang|rust|buildpack-deps)", "curl"),
)
"""Pattern of an image's name → a program that it has."""
_INSTALLED = ((r"\bcurl\b", "curl"), (r"\bpython3?\b", "python3"), (r"\bnode(js)?\b", "node"), (r"\bwget\b", "wget"))
_INSTALL = re.compile(r"(?:apt-get|apt|apk|dnf|yum|microdnf)\s[^&|;]*?\b(?:install|add)\s([^&|;]*)")


@dataclass(frozen=True)
class Store:
    """A service that keeps data, or another that no deploy should replace."""

    kind: str
    data: str
    """Where it keeps its data in the container."""
    check: tuple[str, ...]
    """A healthcheck that its image can run, as Compose's `test`."""


_PING = ("CMD", "redis-cli", "ping")
_MYSQL = ("CMD-SHELL", "mysqladmin ping -h 127.0.0.1 --silent -u root -p$${MYSQL_ROOT_PASSWORD}")
_MARIA = ("CMD", "healthcheck.sh", "--connect", "--innodb_initialized")
_MONGO = ("CMD-SHELL", "mongosh --quiet --eval 'db.runCommand({ping: 1}).ok' | grep -q 1")
_POSTGRES = ("CMD-SHELL", "pg_isready -q -h 127.0.0.1 -U $${POSTGRES_USER:-postgres}")
_RABBIT = ("CMD", "rabbitmq-diagnostics", "-q", "ping")

STORES = {
    "postgres": Store("PostgreSQL", "/var/lib/postgresql/data", _POSTGRES),
    "postgis": Store("PostgreSQL", "/var/lib/postgresql/data", _POSTGRES),
    "timescaledb": Store("PostgreSQL", "/var/lib/postgresql/data", _POSTGRES),
    "pgvector": Store("PostgreSQL", "/var/lib/postgresql/data", _POSTGRES),
    "mysql": Store("MySQL", "/var/lib/mysql", _MYSQL),
    "mysql-server": Store("MySQL", "/var/lib/mysql", _MYSQL),
    "mariadb": Store("MariaDB", "/var/lib/mysql", _MARIA),
    "redis": Store("Redis", "/data", _PING),
    "redis-stack": Store("Redis", "/data", _PING),
    "valkey": Store("Valkey", "/data", ("CMD", "valkey-cli", "ping")),
    "keydb": Store("KeyDB", "/data", ("CMD", "keydb-cli", "ping")),
    "memcached": Store("Memcached", "", ()),
    "rabbitmq": Store("RabbitMQ", "/var/lib/rabbitmq", _RABBIT),
    "mongo": Store("MongoDB", "/data/db", _MONGO),
    "elasticsearch": Store("Elasticsearch", "/usr/share/elasticsearch/data", ()),
    "opensearch": Store("OpenSearch", "/usr/share/opensearch/data", ()),
    "minio": Store("MinIO", "/data", ()),
    "kafka": Store("Kafka", "", ()),
    "nats": Store("NATS", "", ()),
    "meilisearch": Store("Meilisearch", "/meili_data", ()),
    "clickhouse-server": Store("ClickHouse", "/var/lib/clickhouse", ()),
    "influxdb": Store("InfluxDB", "/var/lib/influxdb2", ()),
}
"""The last part of an image's name → what it is."""

TOOLS = frozenset((
    "adminer", "pgadmin4", "phpmyadmin", "redis-commander", "redisinsight", "mongo-express", "mailhog", "mailpit",
    "maildev", "mailcatcher", "portainer", "portainer-ce", "watchtower", "dozzle", "localstack", "selenium",
))  # fmt: skip
"""Images that help in development, and that no server should publish."""
EDGES = frozenset(("traefik", "nginx-proxy", "certbot", "acme-companion", "letsencrypt-nginx-proxy-companion", "swag"))
"""Images that do what the edge does."""


def short(image: str) -> str:
    """The last part of an image's name, without tag and digest; `${VAR:-postgres:15}` counts as its default."""
    default = re.sub(r"\$\{\w+:?-([^}]*)\}", r"\1", image)
    return default.partition("@")[0].rpartition("/")[2].partition(":")[0].lower()


def store(image: str) -> Store | None:
    """What an image keeps; None for images of other kinds."""
    return STORES.get(short(image))


def probe(image: str, made: Dockerfile | None, port: int, path: str) -> tuple[str, ...]:
    """A healthcheck that requests a path from the container itself, with a program that the image has.

    Without a known path, any answer below 500 counts. Empty if no such program is known.
    """
    program = _program(made.base if made else image, made.installs if made else "")
    known = {"port": str(port), "path": path or "/", "bad": "400" if path else "500", "fail": "f" if path else ""}
    words = tuple(_filled(word, known) for word in _PROBES.get(program, ()))
    return ("CMD", *words) if words else ()


def _program(base: str, installs: str) -> str:
    found = next((program for form, program in _HAVE[:4] if re.search(form, base)), "")
    installed = " ".join(_INSTALL.findall(installs))
    return (
        found
        or next((program for form, program in _INSTALLED if re.search(form, installed)), "")
        or next((program for form, program in _HAVE[4:] if re.search(form, base)), "")
    )


def _filled(text: str, known: dict[str, str]) -> str:
    for name, value in known.items():
        text = text.replace(f"{{{name}}}", value)
    return text
