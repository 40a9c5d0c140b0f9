"""Sentry's own addresses, and the one that SDKs send to: the proxy in front of a Sentry gives that one to Relay."""

# mypy: disable-error-code="import-not-found"

from django.urls import re_path
from django.views.decorators.csrf import csrf_exempt
from sentry.conf.urls import handler404, handler500
from sentry.conf.urls import urlpatterns as own

from . import relay

__all__ = ["handler404", "handler500", "urlpatterns"]

urlpatterns = [re_path(r"^api/(?P<project>\d+)/envelope/?$", csrf_exempt(relay.receive)), *own]
