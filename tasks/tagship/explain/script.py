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
from tagship.explain.steps import commands
from tagship.explain.words import comment, variable, word
from tagship.names import CANDIDATE_HEADER
from tagship.proof.ledger import Action
from tagship.release import markers
from tagship.release.model import Rendered

_FUNCTIONS = r"""
# Says what comes next.
step() {
  doing=$1
  echo "$1"
}

# Pulls an image, unless it is there.
pull() {
  docker image inspect "$1" >/dev/null 2>&1 || docker pull "$1"
}

# Replaces a file in the edge at once: readers see the old or the new content.
put() {
  docker exec -i tagship-edge sh -c 'cat > "$1.new" && mv -f "$1.new" "$1"' put "$1"
}

# Waits until a container is healthy, or runs if it has no health check.
ready() {
  tries=0
  while :; do
    state=$(docker inspect --format '{{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{end}}' "$1")
    case $state in "running healthy" | "running ") return ;; esac
    tries=$((tries + 1))
    case $state in exited* | dead*) break ;; esac
    [ "$tries" -lt "$ready_within" ] || break
    sleep 1
  done
  docker logs --tail 30 "$1" >&2
  echo "$1 is not ready: $state" >&2
  exit 1
}

# Waits for a container that does its work and ends.
ended() {
  [ "$(docker wait "$1")" = 0 ] || { docker logs --tail 30 "$1" >&2; echo "$1 failed" >&2; exit 1; }
}

# Copies stdin into a container as a file, with mode and owner. Needs GNU tar.
copy() {
  (umask 077 && mkdir -p "$files/$(dirname "$2")" && cat > "$files/$2")
  tar -C "$files" --mode="$3" --owner="$4" --group="$5" --numeric-owner -cf - "$2" | docker cp - "$1:/"
  rm "$files/$2"
}

# Asks until the answer has this status, comes from this release, and contains this text.
smoke() {
  tries=0
  while :; do
    said=$(printf '%s\n' "$1" | curl -sSi -m 10 -H @- "$4" "$url$3" | tr -d '\r') || said=
    if printf '%s\n' "$said" | grep -q "^HTTP/[0-9.]* $5" &&
      printf '%s\n' "$said" | grep -qi "^X-Tagship-Release: $2-" &&
      printf '%s\n' "$said" | sed '1,/^$/d' | grep -qF -- "$6"; then return; fi
    tries=$((tries + 1))
    [ "$tries" -lt "$smoke_within" ] || break
    sleep 1
  done
  printf '%s\n' "$said" | head -n 20 >&2
  echo "$url$3 does not answer as it should" >&2
  exit 1
}

# Changes Caddy's configuration by the request on stdin. 412: somebody else changed it since this script was made.
configure() {
  said=$(docker exec -i tagship-edge nc 127.0.0.1 2019)
  case $said in "HTTP/1.1 200"*) ;; *) printf '%s\n' "$said" | head -n 20 >&2; exit 1 ;; esac
}

# Waits until the edge passes no request to a release any more, at most so many seconds.
drain() {
  tries=0
  while [ "$tries" -lt "$2" ]; do
    now=$(docker exec tagship-edge sh -c \
      'printf "GET /reverse_proxy/upstreams HTTP/1.0\r\nHost: 127.0.0.1:2019\r\n\r\n" | nc 127.0.0.1 2019')
    # before Caddy 2.11.2, it counts by the configured name alone, of all releases together
    case $now in *'"address":"'[a-z0-9]*) whose=$1- ;; *) whose='{' ;; esac
    printf '%s' "$now" | tr '}' '\n' | grep -F "\"address\":\"$whose" | grep -q '"num_requests":[1-9]' || return 0
    tries=$((tries + 1))
    sleep 1
  done
}

# Adds the line on stdin to the ledger, with the time and the hash of the line before.
record() {
  docker exec -i tagship-edge sh -c '
    cd "$1" && last=$(tail -n 1 ledger.jsonl 2>/dev/null)
    [ -z "$(tail -c 1 ledger.jsonl 2>/dev/null)" ] || echo >> ledger.jsonl
    chain=$(printf %s "$last" | sha256sum | cut -c 1-64)
    [ -n "$last" ] || chain=0000000000000000000000000000000000000000000000000000000000000000
    sed "s/@AT@/$(date -u +%Y-%m-%dT%H:%M:%S+00:00)/; s/@CHAIN@/$chain/" >> ledger.jsonl' record "$1"
}
"""
_LOCK = r"""
# Takes the environment's lock for an hour, by the edge's clock, so that no deploy comes between.
since=$(docker exec tagship-edge date +%s)
files=$(mktemp -d)
docker image inspect tagship/empty:1 >/dev/null 2>&1 ||
  tar -cf - --files-from /dev/null | docker import - tagship/empty:1 >/dev/null
docker create --name "$lock" --network none --label tagship.lock="$place" --label tagship.since="$since" \
  --label 'tagship.holder={"who": "by hand", "doing": "--explain", "run": ""}' tagship/empty:1 lock >/dev/null ||
  { rm -r "$files"; echo "Another deploy is under way. If it is not, docker rm $lock" >&2; exit 1; }
doing=nothing
over() {
  code=$?
  docker rm --force "$lock" >/dev/null
  rm -r "$files"
  [ "$code" = 0 ] || echo "Stopped at: $doing. $serving is live." >&2
}
trap over EXIT
trap 'exit 130' INT TERM HUP
printf %s "$((since + 3600))" > "$files/expires"
docker cp "$files/expires" "$lock:/expires"
"""


def script(scene: Scene) -> str:
    """The script. Raises CheckError for an environment without a release, and for a step that has no commands."""
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
    for name in secrets:
        yield f': "${{{name}:?set it: a secret of {settings.name}}}"'
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
    yield _FUNCTIONS.rstrip()
    yield _LOCK.rstrip()
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


def _secrets(scene: Scene) -> list[str]:
    """The variables that must be set, if containers are created."""
    planned = scene.planned
    rendered = [planned.candidate.rendered] if _has(scene, Create, Migrate) else []
    rendered += [planned.reverse.rendered] if planned.reverse and _has(scene, Reverse) else []
    found = {name for each in rendered for name in (*each.secrets, *markers.named(each.model))}
    return sorted(map(variable, found))


def _remarks(rendered: Rendered) -> Iterator[str]:
    for service, settings in rendered.model["services"].items():
        yield from remarks(service, settings)
