"""The commands of each step of a plan."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from functools import singledispatch
from typing import Any

from tagship.deploy.steps import (
    Ask,
    Bake,
    Canary,
    Create,
    Cutover,
    Drain,
    EndCanary,
    Hold,
    KeepAssets,
    Migrate,
    Prepare,
    Pull,
    Remove,
    Resume,
    Reverse,
    Revive,
    Serve,
    SmokeTest,
    Start,
    Stop,
)
from tagship.engine import networks, quirks
from tagship.engine.containers import Container
from tagship.engine.injection import READABLE
from tagship.errors import CheckError
from tagship.explain import inside
from tagship.explain.containers import ONE_OFF, creation
from tagship.explain.scene import Scene, names
from tagship.explain.words import document, folded, private, word
from tagship.migrations import frameworks
from tagship.names import CANDIDATE_COOKIE, LABEL
from tagship.proof import ledger
from tagship.release.model import Migrations, Rendered

_COMPOSE = "com.docker.compose"


@singledispatch
def commands(step: object, _scene: Scene) -> Iterator[str]:
    """The lines of one step. Raises CheckError for one that has no commands."""
    raise CheckError(f"--explain can't express the step {step}.", hint="use --dry-run to see the plan")


@commands.register
def _(step: Pull, scene: Scene) -> Iterator[str]:
    for image in step.images:
        yield f"pull {word(scene.image(image))}"


@commands.register
def _(step: Revive, scene: Scene) -> Iterator[str]:
    yield from _started(scene.of(scene.place.accessories, step.accessories))


@commands.register
def _(step: Prepare, scene: Scene) -> Iterator[str]:
    yield from _prepared(scene, step.rendered)


@commands.register
def _(_step: Ask, _scene: Scene) -> Iterator[str]:
    yield "# Only Tagship does this, to save time."


@commands.register
def _(step: Create, scene: Scene) -> Iterator[str]:
    rendered = step.rendered
    model = quirks.adapt(rendered.model, scene.api)
    for service in rendered.order:
        for number, name in enumerate(names(rendered, service), 1):
            labels = _labels(rendered, service, number)
            image = scene.image(str(rendered.model["services"][service].get("image", "")))
            yield creation(model, service, name, labels, image)
            yield from _injected(rendered.model, service, name)


@commands.register
def _(step: Migrate, scene: Scene) -> Iterator[str]:
    if how := step.rendered.release.shape.migrations:
        pending, apply = shlex.join(how.pending), shlex.join(how.apply)
        yield f"# `{pending}` lists what is pending; `{apply}` applies it, and does nothing if nothing is."
        yield from _one_off(scene, step.rendered, how, how.apply)


@commands.register
def _(step: Reverse, scene: Scene) -> Iterator[str]:
    how = step.rendered.release.shape.migrations
    if how is None:
        return
    images = tuple(sorted(set(step.rendered.release.images.values())))
    yield from commands(Pull(images), scene)
    yield from _prepared(scene, step.rendered)
    yield from _one_off(scene, step.rendered, how, frameworks.reversal(how, step.plan.migrations, step.plan.leaves))


@commands.register
def _(step: Start, scene: Scene) -> Iterator[str]:
    ours = scene.starting(step.rendered, step.services)
    for container, network, address in scene.connections(step.rendered, ours):
        option = f"--ip {address} " if address else ""
        yield f"docker network connect {option}{word(network)} {word(container.name)}"
    ending = [c for c in ours if step.rendered.ends(c.service)]
    yield from _started(ours, ending)


@commands.register
def _(step: KeepAssets, scene: Scene) -> Iterator[str]:
    folder = f"{scene.folder}/assets/{step.rendered.name}"
    for route in step.rendered.release.shape.routes:
        if route.assets:
            source = f"{names(step.rendered, route.service)[0]}:{route.assets}/."
            target = word(f"{folder}/{route.path.removesuffix('*').strip('/')}")
            yield f"docker exec tagship-edge mkdir -p {target}"
            yield f"docker cp {word(source)} - | docker exec -i tagship-edge tar -xf - -C {target}"
    yield "# Neither pages, whose names stay the same, nor links, which could lead elsewhere."
    yield f"docker exec tagship-edge find {word(folder)} '(' -name '*.htm' -o -name '*.html' -o -type l ')' -delete"


@commands.register
def _(step: Serve, scene: Scene) -> Iterator[str]:
    yield from inside.serve(scene, step)


@commands.register
def _(step: SmokeTest, scene: Scene) -> Iterator[str]:
    hidden = step.candidate or scene.planned.before.routing.closed
    if hidden and not scene.keyed:
        yield from inside.key(scene, step.release)
    header = '"$candidate"' if hidden else "'User-Agent: smoke-test'"
    for check in scene.settings.smoke:
        if check.run:
            given = f"SMOKE_URL={word(scene.settings.url)} SMOKE_HEADER={header if hidden else word('')}"
            yield f"{given} {shlex.join(shlex.split(check.run))} </dev/null"
            continue
        method = {"GET": "--get", "HEAD": "--head", "POST": "--request=POST"}[check.method]
        if check.json_ or check.headers or check.tls_days:
            yield "# Look at this one yourself: its JSON, headers or certificate aren't checked here."
        words = (step.release, check.path, method, str(check.status), check.contains)
        yield f"smoke {header} {' '.join(map(word, words))}"
    if not scene.settings.smoke:
        yield f"smoke {header} {word(step.release)} / --get 200 ''"


@commands.register
def _(step: Hold, scene: Scene) -> Iterator[str]:
    if not scene.keyed:
        yield from inside.key(scene, step.release)
    link = f"{scene.settings.url.rstrip('/')}/?{CANDIDATE_COOKIE}="
    yield f"printf 'Look at %s%s, then press Enter, or Ctrl-C to stop: ' {word(link)} \"$key\"; read -r _"


@commands.register
def _(step: Canary, scene: Scene) -> Iterator[str]:
    if not scene.keyed:
        yield from inside.key(scene, step.release)
    yield from inside.canary(scene, step.terms)
    watch = f"Watch the errors for {step.terms.seconds:g} s, then press Enter, or Ctrl-C to stop: "
    yield f"printf {word(watch)}; read -r _"


@commands.register
def _(_step: EndCanary, scene: Scene) -> Iterator[str]:
    yield inside.no_canary(scene)


@commands.register
def _(step: Cutover, scene: Scene) -> Iterator[str]:
    yield inside.put(f"{scene.folder}/live", step.to)
    if any(isinstance(other, Canary) for other in scene.planned.plan):
        yield inside.no_canary(scene)
    yield f"serving={word(step.to)}"


@commands.register
def _(step: Bake, scene: Scene) -> Iterator[str]:
    yield f"sleep {step.seconds:g}  # look at its logs and errors meanwhile"
    yield from commands(SmokeTest(step.release, candidate=False), scene)


@commands.register
def _(step: Drain, _scene: Scene) -> Iterator[str]:
    yield inside.drain(step)


@commands.register
def _(step: Stop, scene: Scene) -> Iterator[str]:
    if ours := [c.name for c in scene.of(step.release, step.services) if c.running]:
        listed = " ".join(map(word, ours))
        yield f"docker update --restart no {listed} >/dev/null  # so that it stays stopped when the engine restarts"
        yield f"docker stop {listed}"


@commands.register
def _(step: Resume, scene: Scene) -> Iterator[str]:
    yield from _started(scene.of(step.release, step.services))


@commands.register
def _(step: Remove, scene: Scene) -> Iterator[str]:
    if ours := [c.name for c in scene.everyone if c.project == step.release]:
        yield f"docker rm --force --volumes {' '.join(map(word, ours))}"
    if any(net["Name"] == step.release for net in scene.networks):
        yield f"docker network rm {word(step.release)}"
    scene.forget(step.release)


def _labels(rendered: Rendered, service: str, number: int, *, one_off: bool = False) -> Mapping[str, str]:
    """The labels that Compose gives a container, by which it and Tagship find it."""
    return {
        f"{_COMPOSE}.project": rendered.name,
        f"{_COMPOSE}.service": service,
        f"{_COMPOSE}.container-number": str(number),
        ONE_OFF: str(one_off),
    }


def _prepared(scene: Scene, rendered: Rendered) -> Iterator[str]:
    """The release's record, network and volumes."""
    record = ledger.encode_record(rendered.record).decode()
    yield f"put {scene.folder}/releases/{rendered.name}.json {document(record, 'RECORD')}"
    labels = {f"{LABEL}.app": scene.place.app, f"{LABEL}.environment": scene.place.environment}
    if all(net["Name"] != rendered.name for net in scene.networks):
        prefix = networks.prefix_for(sum(map(rendered.replicas, rendered.order)))
        subnet = next(networks.free(scene.settings.edge.networks, prefix, scene.networks))
        scene.networks = [*scene.networks, {"Name": rendered.name, "IPAM": {"Config": [{"Subnet": str(subnet)}]}}]
        options = [f"--subnet {subnet} --ip-range {next(subnet.subnets())}", *_labelled(labels), rendered.name]
        yield folded("docker network create", options)
    for volume in rendered.volumes:
        given = [f"--opt {word(f'{key}={value}')}" for key, value in volume.options.items()]
        driver = [f"--driver {word(volume.driver)}"] if volume.driver else []
        options = [*driver, *given, *_labelled({**volume.labels, **labels}), word(volume.name)]
        yield folded("docker volume create", options)


def _labelled(labels: Mapping[str, str]) -> list[str]:
    return [f"--label {word(f'{key}={value}')}" for key, value in labels.items()]


def _injected(model: Mapping[str, Any], service: str, container: str) -> Iterator[str]:
    """Copy a service's configs and secrets into its container."""
    for kind, folder in (("configs", ""), ("secrets", "run/secrets/")):
        for use in model["services"][service].get(kind) or ():
            source = model[kind][use["source"]]
            name = source.get("environment", "")
            content = f'"${private(name)}"' if name else word(source.get("content", ""))
            target = use.get("target") or use["source"]
            path = target.lstrip("/") if target.startswith("/") else folder + target
            mode = int(str(use.get("mode", oct(READABLE))), 8)
            owner = f"{int(use.get('uid') or 0)} {int(use.get('gid') or 0)}"
            yield f"printf %s {content} | copy {word(container)} {word(path)} {mode:04o} {owner}"


def _started(ours: Sequence[Container], ending: Sequence[Container] = ()) -> Iterator[str]:
    """Start them one after another, and wait for each."""
    for container in ours:
        name = word(container.name)
        if container.running:
            yield f"ready {name}"
            continue
        yield f"docker start {name}"
        yield f"ended {name}" if container in ending else f"ready {name}"
        if container.restart != "no":
            yield f"docker update --restart always {name} >/dev/null"


def _one_off(scene: Scene, rendered: Rendered, how: Migrations, argv: Sequence[str]) -> Iterator[str]:
    """Run a command in a container of the service that migrates, with a time limit for locks."""
    shape = rendered.release.shape
    model = frameworks.one_off(rendered.model, how.service, str(scene.place), shape)
    model = quirks.adapt(frameworks.limited(model, how, {}), (0, 0))
    settings = {**model["services"][how.service], "command": [part.replace("$", "$$") for part in argv]}
    model = {**model, "services": {how.service: settings}}
    name = f"{rendered.name}-{how.service}-by-hand"
    labels = _labels(rendered, how.service, 1, one_off=True)
    yield creation(model, how.service, name, labels, scene.image(rendered.release.images[how.service]))
    if shape.accessories:
        yield f"docker network connect {word(scene.place)} {word(name)}"
    yield from _injected(model, how.service, name)
    yield f"docker start --attach {word(name)}"
    yield f"docker rm {word(name)}"
