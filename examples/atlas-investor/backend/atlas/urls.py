"""Every path the backend serves."""

from django.conf import settings
from django.urls import path

from atlas import demo, views
from atlas.health import Health
from properties.views import districts, properties

urlpatterns = [
    path("health/", Health.as_view()),
    path("api/version", views.version),
    path("api/properties/", properties),
    path("api/districts/", districts),
]
if settings.DEMO_ENDPOINTS:
    urlpatterns += [
        path("api/slow", demo.slow),
        path("api/stream", demo.stream),
        path("api/error", demo.error),
    ]

handler400 = views.bad_request
handler404 = views.not_found
handler500 = views.server_error
