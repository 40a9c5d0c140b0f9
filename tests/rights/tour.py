"""The life of an application on a server, for what its engine is asked."""

from pathlib import Path

from tests.hello import Hello
from tests.rig import Rig
from tests.rights.proxy import NAME

HOST = "host1"


def made(rig: Rig, folder: Path) -> Hello:
    """An application with a cache, a worker, a volume and migrations, on the engine behind the proxy."""
    host = rig.hosts[0]
    app = Hello(rig, folder, "rights")
    app.settings["environments"] = {
        HOST: {"engine": f"{host.ssh_url}/rig/{NAME}.sock", "url": f"http://{host.address}"}
    }
    services = app.compose["services"]
    services["web"]["volumes"] = ["media:/media"]
    services["worker"] = {"build": services["web"]["build"], "command": ["sleep", "600"], "stop_grace_period": "0s"}
    services["cache"] = {"image": rig.image("redis"), "volumes": ["cache:/data"]}
    app.compose["volumes"] = {"cache": {}, "media": {}}
    app.settings["release"] = {
        "services": ["web", "worker"],
        "accessories": ["cache"],
        "migrations": {"service": "web", "pending": "echo 0001_first", "apply": "true"},
    }
    return app


def walk(app: Hello) -> None:
    """Everything that is done to a server, but for backups and the takeover of a stack that runs."""

    def say(task: str, *words: str) -> None:
        app.tagship(task, "--env", HOST, *words)

    app.commit()
    say("accessories.up")
    say("ship")
    say("doctor")
    app.commit()
    say("ship")
    say("rollback")
    for words in (("migrate", "--dry-run"), ("restart",), ("scale", "--service", "worker=2"), ("prune",)):
        say(*words)
    for words in (("status",), ("ps",), ("history",), ("env",), ("logs", "--tail", "5"), ("accessories.diff",)):
        say(*words)
    for words in (("run", "--service", "web"), ("exec", "--service", "web")):
        say(*words, "--", "true")
    for words in (("accessories.restart",), ("accessories.recreate",)):
        say(*words, "--name", "cache", "--yes")
    for words in (("accessories.logs",), ("db.shell", "--", "ping"), ("maintenance.on",), ("maintenance.off",)):
        say(*words)
    say("remove", "--volumes", "--confirm", f"{app.name}-{HOST}")
