"""What the script does in the edge's container: files, routes, requests in flight, and the ledger."""

import json
from collections.abc import Iterator

from tagship.deploy.canary import Terms
from tagship.deploy.steps import Drain, Serve
from tagship.edge import canary as files
from tagship.edge import routes, sites
from tagship.edge.addresses import Addresses
from tagship.edge.admin import SERVED
from tagship.explain.scene import Scene
from tagship.explain.words import document, word
from tagship.proof import ledger

AT, CHAIN = "@AT@", "@CHAIN@"
"""What the script fills into the ledger's line: the time, and the hash of the line before."""


def put(path: str, text: str) -> str:
    """Replace a file in the edge at once."""
    return f"printf %s {word(text)} | put {word(path)}"


def key(scene: Scene, release: str) -> Iterator[str]:
    """Let requests with a new key reach a release whatever is live."""
    scene.keyed = True
    yield f'printf %s "$key" | put {scene.folder}/key'
    yield put(f"{scene.folder}/candidate", release)


def canary(scene: Scene, terms: Terms) -> Iterator[str]:
    """Send a share of all visitors to the candidate, until it is ended, or for as long as it should last."""
    yield put(f"{scene.folder}/{files.SHARE}", files.threshold(terms.share))
    inside = "docker exec tagship-edge sh -c"
    lasts = f"$(( $(date +%s) + {terms.seconds:.0f} ))"
    yield f"{inside} {word(f'echo {lasts}')} | put {word(f'{scene.folder}/{files.UNTIL}')}"
    yield f"{inside} 'head -c 8 /dev/urandom | base64 | tr -dc a-zA-Z0-9' | put {word(f'{scene.folder}/{files.FILE}')}"


def no_canary(scene: Scene) -> str:
    """Send all visitors to the live release."""
    return put(f"{scene.folder}/{files.FILE}", files.OFF)


def serve(scene: Scene, step: Serve) -> Iterator[str]:
    """Change Caddy's configuration, if its routes differ from those that it serves then."""
    at = Addresses.of(scene.settings) if step.here else Addresses()
    wanted = routes.site(
        scene.place, (*at.urls, *step.elsewhere), step.candidate, step.live, step.to, scene.settings.maintenance,
        at.moved,
    )  # fmt: skip
    behind = scene.settings.edge.behind
    if sites.stand(scene.http, scene.place, wanted, behind):
        yield "# The edge has these routes already."
        return
    announced = sites.announces(scene.http)
    scene.http = sites.installed(scene.http, scene.place, wanted, behind)
    body = json.dumps(scene.http)
    yield no_canary(scene)  # a file that these routes read, and that an older version didn't write
    if announced:
        yield "# A change closes connections, so ask clients to reconnect: each answer ends its connection meanwhile."
        yield put(routes.CONNECTION_FILE, "close")
        yield "sleep 1"
    match = f"If-Match: {scene.etag}\n" if scene.etag else ""
    head = f"PATCH {SERVED} HTTP/1.1\nHost: 127.0.0.1:{routes.ADMIN_PORT}\nConnection: close\n{match}"
    request = f"{head}Content-Type: application/json\nContent-Length: {len(body) + 1}\n\n{body}"
    yield f"configure {document(request, 'REQUEST')}"
    if announced:
        yield put(routes.CONNECTION_FILE, "keep-alive")
    scene.etag = ""


def drain(step: Drain) -> str:
    """Wait for the requests in flight."""
    return f"drain {word(step.release)} {step.seconds:.0f}" + (f"\nsleep {step.quiet:g}" if step.quiet else "")


def entry(scene: Scene, wanted: ledger.Entry) -> str:
    """Add a line to the ledger; time and chain are filled in there."""
    line = ledger.line(wanted, "").replace(f'"chain":"{"0" * 64}"', f'"chain":"{CHAIN}"')
    return f"record {scene.folder} {document(line, 'ENTRY')}"
