"""Tagship takes a Docker Compose application from a commit to a proven release on a server, and back."""

import atexit
import gc

from invoke.collection import Collection

from tagship.commands import accessories as accessory_tasks
from tagship.commands import accessories_running as running_tasks
from tagship.commands import backup as backup_tasks
from tagship.commands import backups_kept as kept_tasks
from tagship.commands import candidate as candidate_tasks
from tagship.commands import dev as dev_tasks
from tagship.commands import github as github_tasks
from tagship.commands import lock as lock_tasks
from tagship.commands import maintenance as maintenance_tasks
from tagship.commands import pitr as pitr_tasks
from tagship.commands import preview as preview_tasks
from tagship.commands import registry as registry_tasks
from tagship.commands import secrets as secret_tasks
from tagship.commands import secrets_written as written_tasks
from tagship.commands.adoption import adopt
from tagship.commands.backup_check import check as check_task
from tagship.commands.checks import lint, test
from tagship.commands.completion import completion
from tagship.commands.containers import ps, restart, scale
from tagship.commands.demo import demo
from tagship.commands.deploy import deploy, rollback, ship
from tagship.commands.doctor import doctor
from tagship.commands.environment import env
from tagship.commands.images import build, publish, push
from tagship.commands.init import init
from tagship.commands.logs import logs
from tagship.commands.migrations import migrate
from tagship.commands.port_forward import port_forward
from tagship.commands.removal import prune, remove
from tagship.commands.run import console, db_shell, exec_, run
from tagship.commands.sentry import sentry_release, watch
from tagship.commands.smoke import smoke_test
from tagship.commands.status import history, status

# A task lasts a second or two, a good part of which is imports, and what is imported stays. Python would search it for
# garbage at every 700 new objects, and again at the end: a fifth of what importing a deploy and ending takes.
gc.set_threshold(50_000, 20, 20)
atexit.register(gc.freeze)

namespace = Collection(
    "tagship",
    init, doctor,
    test, lint,
    build, push,
    deploy, migrate, smoke_test, rollback, ship,
    sentry_release, watch,
    status, history, env, demo,
    adopt, prune, remove, completion,
    logs, run, exec_, console, ps, restart, scale, port_forward,
    Collection(
        "accessories", up=accessory_tasks.up, status=accessory_tasks.status, recreate=accessory_tasks.recreate,
        diff=running_tasks.diff, restart=running_tasks.restart, logs=running_tasks.logs,
    ),
    Collection(
        "backup", create=backup_tasks.create, verify=backup_tasks.verify,
        restore=backup_tasks.restore, drill=backup_tasks.drill,
        list=kept_tasks.listing, prune=kept_tasks.prune, pin=kept_tasks.pin, unpin=kept_tasks.unpin, check=check_task,
    ),
    Collection(
        "candidate", url=candidate_tasks.url, accept=candidate_tasks.accept, reject=candidate_tasks.reject
    ),
    Collection("db", shell=db_shell),
    Collection(
        "dev", up=dev_tasks.up, down=dev_tasks.down, logs=dev_tasks.logs, migrate=dev_tasks.migrate,
        makemigrations=dev_tasks.makemigrations, superuser=dev_tasks.superuser, shell=dev_tasks.shell,
        test=dev_tasks.run_tests,
    ),
    Collection("github", workflows=github_tasks.workflows, protect=github_tasks.protect, check=github_tasks.check),
    Collection(
        "pitr", status=pitr_tasks.status, base=pitr_tasks.base, recover=pitr_tasks.recover, drill=pitr_tasks.drill
    ),
    Collection(
        "secrets", check=secret_tasks.check, list=secret_tasks.listing, diff=secret_tasks.diff,
        set=written_tasks.set_, rotate=written_tasks.rotate,
    ),
    Collection("maintenance", on=maintenance_tasks.on, off=maintenance_tasks.off),
    Collection(
        "preview", up=preview_tasks.up, down=preview_tasks.down, list=preview_tasks.listing, prune=preview_tasks.prune
    ),
    Collection("release", publish=publish),
    Collection("registry", status=registry_tasks.status, stop=registry_tasks.stop),
    Collection("lock", status=lock_tasks.status, release=lock_tasks.release),
)  # fmt: skip

JOURNEY = {
    "Start": ("init", "doctor", "demo", "completion", "github.workflows", "github.protect", "github.check"),
    "Develop": (
        "dev.up",
        "dev.logs",
        "dev.migrate",
        "dev.makemigrations",
        "dev.superuser",
        "dev.shell",
        "dev.test",
        "dev.down",
    ),
    "Check": ("test", "lint"),
    "Ship": (
        "ship",
        "build",
        "push",
        "release.publish",
        "deploy",
        "candidate.url",
        "candidate.accept",
        "candidate.reject",
        "migrate",
        "smoke-test",
        "sentry-release",
    ),
    "Look": ("status", "history", "env", "watch"),
    "Everyday": ("logs", "run", "exec", "console", "db.shell", "ps", "restart", "scale", "port-forward"),
    "Go back": ("rollback",),
    "Previews": ("preview.up", "preview.down", "preview.list", "preview.prune"),
    "Data": (
        "accessories.up",
        "accessories.status",
        "accessories.diff",
        "accessories.logs",
        "accessories.restart",
        "accessories.recreate",
        "backup.check",
        "backup.create",
        "backup.list",
        "backup.verify",
        "backup.restore",
        "backup.drill",
        "backup.pin",
        "backup.unpin",
        "backup.prune",
        "pitr.status",
        "pitr.base",
        "pitr.recover",
        "pitr.drill",
    ),
    "Secrets": ("secrets.check", "secrets.list", "secrets.diff", "secrets.set", "secrets.rotate"),
    "Server": (
        "adopt",
        "maintenance.on",
        "maintenance.off",
        "prune",
        "remove",
        "registry.status",
        "registry.stop",
        "lock.status",
        "lock.release",
    ),
}
"""Every task by purpose, in the order of use."""

__all__ = ["JOURNEY", "namespace"]
