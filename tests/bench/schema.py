"""Migrations for the trivial application: its server answers 500 until what it needs has been migrated."""

from tests.hello import Hello

VOLUME = "state:/state"
COMMAND = "python3 /migrate.py"
"""To be told `pending` or `apply`; it starts at once, so that what is measured is the asking and applying."""
_MIGRATE = """import pathlib, sys

DONE = pathlib.Path("/state/done")
done = DONE.read_text().split() if DONE.exists() else []
pending = [name for name in {names} if name not in done]
print("\\n".join(pending))
if sys.argv[1] == "apply":
    new = DONE.with_suffix(".new")
    new.write_text(" ".join(done + pending))
    new.rename(DONE)  # as a database would: the server never reads half of it
"""
_ANSWER = "        self.send_response(200)\n"
_ANSWER_IF_MIGRATED = """        import migrate_names, pathlib
        done = pathlib.Path("/state/done")
        migrated = done.exists() and set(migrate_names.NEEDED) <= set(done.read_text().split())
        self.send_response(200 if migrated else 500)
"""


def prepare(app: Hello) -> None:
    """Let the application have migrations, and a volume for what is its database."""
    dockerfile, server = app.folder / "Dockerfile", app.folder / "server.py"
    copies = "COPY migrate.py migrate_names.py /\nCOPY server.py"
    dockerfile.write_text(dockerfile.read_text().replace("COPY server.py", copies))
    server.write_text(server.read_text().replace(_ANSWER, _ANSWER_IF_MIGRATED))
    app.compose["services"]["web"]["volumes"] = [VOLUME]
    app.compose["volumes"] = {"state": {}}
    commands = {name: f"{COMMAND} {name}" for name in ("pending", "apply")}
    app.settings["release"] = {"migrations": {"service": "web", **commands}}
    need(app, "0001")


def need(app: Hello, *names: str) -> None:
    """Have the next commit bring these migrations, and need them."""
    (app.folder / "migrate.py").write_text(_MIGRATE.format(names=list(names)))
    (app.folder / "migrate_names.py").write_text(f"NEEDED = {list(names)}\n")
