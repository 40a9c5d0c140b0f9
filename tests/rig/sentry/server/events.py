"""What Sentry would put into Kafka, and Snuba take out of it."""

# mypy: disable-error-code="import-not-found, misc"

from __future__ import annotations

from typing import TYPE_CHECKING

from sentry.eventstream.base import EventStream

from . import snuba

if TYPE_CHECKING:
    from sentry.eventstore.models import Event


class Stream(EventStream):
    """Notes each event that was saved; what would happen next (alerts, owners) doesn't."""

    def insert(self, event: Event, *_: object, **__: object) -> None:
        """Note an event by what it is searched by; its contents are in the database, as always."""
        row = {
            "event_id": event.event_id,
            "project_id": event.project_id,
            "group_id": event.group_id,
            "timestamp": event.datetime.replace(tzinfo=None).isoformat(),
            "type": event.get_event_type(),
            "environment": event.get_tag("environment"),
            "release": event.get_tag("sentry:release"),
            "user": event.get_tag("sentry:user"),
            "title": event.title,
        }
        snuba.insert("error", row)


class Outcomes:
    """Takes what quotas would be counted by."""

    def publish(self, *_: object, **__: object) -> None:
        """Forget it."""
