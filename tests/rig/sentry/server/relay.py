"""Stands in for Relay, which takes what SDKs send: journals it, and hands it to the code of Sentry's consumers."""

# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import json
import os
import re
import threading
import time
import uuid
from pathlib import Path
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from sentry.event_manager import EventManager
from sentry.ingest.ingest_consumer import process_event, process_userreport
from sentry.models import Project, ProjectKey
from sentry.monitors.consumers.monitor_consumer import _process_message as process_check_in

from . import envelope, sessions, snuba

LARGEST = 20 * 1024 * 1024
"""Bytes of one compressed envelope: https://develop.sentry.dev/sdk/data-model/envelopes/#size-limits."""
KEY = re.compile(r"\bsentry_key=(\w+)")
# What Relay itself says to the pages of other origins that SDKs run in.
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST",
    "Access-Control-Allow-Headers": "x-sentry-auth, x-requested-with, x-forwarded-for, origin, referer, accept, "
    "content-type, authentication, authorization, content-encoding, transfer-encoding",
    "Access-Control-Expose-Headers": "x-sentry-error, x-sentry-rate-limits, retry-after",
    "Access-Control-Max-Age": "3600",
}
JOURNAL = Path(os.environ["RIG_FOLDER"], "journal.jsonl")
_writing = threading.Lock()


def receive(request: HttpRequest, project: str) -> HttpResponse:
    """Answer one request of an SDK: its preflight, or an envelope, which is dealt with before the answer."""
    reply = HttpResponse() if request.method == "OPTIONS" else _taken(request, int(project))
    for name, value in CORS.items():
        reply[name] = value
    return reply


def _taken(request: HttpRequest, project_id: int) -> HttpResponse:
    if int(request.headers.get("Content-Length") or 0) > LARGEST:
        return _refusal(413, "envelope too large")
    key = _key(request)
    if not key or key.project_id != project_id:
        return _refusal(403, "no project has this key")
    try:
        body = envelope.decoded(request.body, request.headers.get("Content-Encoding", ""))
        items = list(envelope.items(body))
    except ValueError as error:
        return _refusal(400, f"invalid envelope: {error}")
    for item in items:
        _note(key.project, item)
        if item.header["type"] in HANDLERS:
            HANDLERS[item.header["type"]](key.project, item, request)
    return JsonResponse({"id": items[0].envelope.get("event_id")} if items else {})


def _refusal(status: int, detail: str) -> HttpResponse:
    return JsonResponse({"detail": detail}, status=status, headers={"X-Sentry-Error": detail})


def _key(request: HttpRequest) -> ProjectKey | None:
    """The project's public key: an SDK on a server says it in a header, one in a page in the address."""
    said = KEY.search(request.headers.get("X-Sentry-Auth", ""))
    named = said[1] if said else request.GET.get("sentry_key", "")
    return ProjectKey.objects.filter(public_key=named, status=0).select_related("project").first()


def _note(project: Project, item: envelope.Item) -> None:
    try:
        payload = json.loads(item.payload)
    except ValueError:
        payload = item.payload.decode(errors="replace")
    entry = {"project": project.slug, "envelope": item.envelope, "header": item.header, "payload": payload}
    with _writing, JOURNAL.open("a") as journal:
        journal.write(f"{json.dumps(entry)}\n")


def _event(project: Project, item: envelope.Item, request: HttpRequest) -> None:
    """Normalize it with Relay's own library, then do as the consumer does: symbolicate, group, save."""
    data = json.loads(item.payload)
    data.setdefault("event_id", item.envelope.get("event_id") or uuid.uuid4().hex)
    manager = EventManager(
        data, project=project, client_ip=request.META["REMOTE_ADDR"], user_agent=request.headers.get("User-Agent")
    )
    manager.normalize()
    normalized = dict(manager.get_data())
    process_event({**_message(project, json.dumps(normalized)), "event_id": normalized["event_id"]}, project)


def _check_in(project: Project, item: envelope.Item, request: HttpRequest) -> None:
    process_check_in({**_message(project, item.payload.decode()), "sdk": request.headers.get("User-Agent", "")})


def _user_report(project: Project, item: envelope.Item, _: HttpRequest) -> None:
    process_userreport(_message(project, item.payload.decode()), project)


def _session(project: Project, item: envelope.Item, _: HttpRequest) -> None:
    for row in sessions.rows(json.loads(item.payload)):
        snuba.insert("session", {**row, "org_id": project.organization_id, "project_id": project.id})


def _message(project: Project, payload: str) -> dict[str, Any]:
    """What Relay would put into Kafka."""
    return {"payload": payload, "start_time": time.time(), "project_id": project.id}


HANDLERS = {
    "event": _event,
    "check_in": _check_in,
    "user_report": _user_report,
    "session": _session,
    "sessions": _session,
}
"""All other kinds are only journaled."""
