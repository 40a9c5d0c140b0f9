"""A plan as a POSIX shell script of plain docker commands, which a person can read and run."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace

from tagship.deploy.execution import parted
from tagship.deploy.rollback_plan import REVERSED
from tagship.deploy.steps import Ask, Create, Migrate, Reverse, Step
from tagship.errors import CheckError
from tagship.explain import inside
from tagship.explain.containers import remarks
from tagship.explain.scene import Scene
from tagship.explain.shell import FUNCTIONS, LOCK
from tagship.explain.steps import commands
from tagship.explain.words import comment, private, variable, word
from tagship.names import CANDIDATE_HEADER
from tagship.proof.ledger import Action
from tagship.release import markers
from tagship.release.model import Rendered


def script(scene: Scene) -> str:
    """The script. Raises CheckError for an environment without a release, and for what a script can't express."""
    planned, new = scene.planned, scene.planned.candidate.rendered
    if not planned.before.live:
        raise CheckError(
            f"{scene.place} has no release yet, and --explain only shows how another one replaces it.",
            hint="deploy the first release with `tagship deploy`",
        )
    if not planned.plan:
        return f"#!/bin/sh\n# {scene.place}: {new.name} is live already, so there is nothing to do."
    proving, tidying = parted(planned.plan)
    lines = [*_head(scene), *_start(scene)]
    number = 0
    for step in proving:
        if not isinstance(step, Ask):
            number += 1
            lines += _step(scene, step, number)
    number += 1
    lines += _said(number, "Record it in the ledger")
    lines.append(inside.entry(scene, replace(planned.entry, at=inside.AT, why=_why(planned.entry.why))))
    for number, step in enumerate(tidying, number + 1):  # noqa: B020 - it goes on counting
        lines += _step(scene, step, number)
    return "\n".join([*lines, "", 'echo "$serving is live."'])


def _why(remark: str) -> str:
    return ", ".join(filter(None, (remark, "by hand, with the commands of --explain")))


def _head(scene: Scene) -> Iterator[str]:
    planned, new, settings = scene.planned, scene.planned.candidate.rendered, scene.settings
    verb = {Action.DEPLOY.value: "Deploys", Action.ROLLBACK.value: "Goes back to", Action.MIGRATE.value: "Migrates for"}
    yield "#!/bin/sh"
    yield f"# {verb.get(planned.entry.action, 'Brings')} {new.name}"
    yield f"# while {planned.before.live} is live."
    yield "#"
    where = "this machine" if settings.engine == "local" else "the server"
    yield from comment(
        f"It does what `tagship {planned.entry.action} --env {settings.name}` would do, with docker alone. Run it on "
        f"{where}{'' if settings.engine == 'local' else f', or elsewhere with DOCKER_HOST={settings.engine}'}. "
        "It needs curl for the smoke tests. First log in to the registry with `docker login`, if images are missing."
    )
    yield from comment(
        "It stops at the first command that fails, and undoes nothing. Until the cutover, the old release goes on "
        'serving; after it, the line with /live in step "Cut over" leads back, with the old release\'s name.'
    )
    secrets = _secrets(scene)
    yield from comment("Secrets come from your environment, by name: " + (", ".join(secrets) or "it needs none") + ".")
    every = [*_remarks(new), *(_remarks(planned.reverse.rendered) if planned.reverse else ())]
    for remark in dict.fromkeys(every):
        yield from comment(f"Note: {remark}")
    yield "set -eu"
    for name, secret in secrets.items():
        yield f'{private(secret)}="${{{name}:?set it: a secret of {settings.name}}}"'
    if settings.backups and settings.backups.before_migrating != "skip" and _has(scene, Migrate):
        yield "# Tagship would make a backup before it migrates; this script can't."
        yield ': "${BACKED_UP:?make a backup of the data first, then set it to yes}"'


def _start(scene: Scene) -> Iterator[str]:
    settings = scene.settings
    yield f"place={word(scene.place)}"
    yield f"lock={word(f'tagship-lock-{scene.place}')}"
    yield f"url={word(settings.url.rstrip('/'))}"
    yield f"serving={word(scene.planned.before.live)}"
    yield f"ready_within={settings.release.ready_within:.0f}  # seconds"
    yield f"smoke_within={max(1, settings.smoke_within):.0f}  # seconds"
    yield 'key=$(head -c 18 /dev/urandom | base64 | tr "+/" "-_")  # leads requests to the candidate'
    yield f'candidate="{CANDIDATE_HEADER}: $key"'
    yield FUNCTIONS.rstrip()
    yield LOCK.rstrip()
    yield ""
    yield "# The plan is for this state, and for no other."
    yield f'[ "$(docker exec tagship-edge cat {scene.folder}/live)" = "$serving" ] &&'
    yield f"  docker exec tagship-edge tail -n 1 {scene.folder}/ledger.jsonl | tr -d '\\n' | sha256sum |"
    yield f"  grep -q '^{hashlib.sha256(scene.last.encode()).hexdigest()}' ||"
    yield '  { echo "Something has been deployed since: make this script again." >&2; exit 1; }'


def _step(scene: Scene, step: Step, number: int) -> Iterator[str]:
    yield from _said(number, str(step))
    yield from commands(step, scene)
    if isinstance(step, Reverse):
        done = replace(
            scene.planned.entry, at=inside.AT, action=Action.MIGRATE.value, migrations=step.plan.leaves,
            why=f"reversed {', '.join(step.plan.migrations)}", way_back={REVERSED: list(step.plan.migrations)},
        )  # fmt: skip
        if not step.plan.first:
            yield inside.entry(scene, done)


def _said(number: int, text: str) -> Iterator[str]:
    yield ""
    yield f"step {word(f'{number}. {text}')}"


def _has(scene: Scene, *kinds: type[Step]) -> bool:
    return any(isinstance(step, kinds) for step in scene.planned.plan)


def _secrets(scene: Scene) -> dict[str, str]:
    """The variables that must be set, if containers are created, and the secrets that they give."""
    planned = scene.planned
    rendered = [planned.candidate.rendered] if _has(scene, Create, Migrate) else []
    rendered += [planned.reverse.rendered] if planned.reverse and _has(scene, Reverse) else []
    found: dict[str, str] = {}
    for secret in sorted({name for each in rendered for name in (*each.secrets, *markers.named(each.model))}):
        other = found.setdefault(variable(secret), secret)
        if other != secret:
            raise CheckError(
                f"The secrets {other} and {secret} would be the same variable of the shell, {variable(secret)}.",
                hint="change one of the names, or use --dry-run to see the plan",
            )
    return dict(sorted(found.items()))


def _remarks(rendered: Rendered) -> Iterator[str]:
    for service, settings in rendered.model["services"].items():
        yield from remarks(service, settings)
