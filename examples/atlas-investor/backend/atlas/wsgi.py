"""What gunicorn serves."""

import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "atlas.settings")

application = get_wsgi_application()

# Django would import the URLs and their views at the first request: do it before the fork instead.
get_resolver().url_patterns  # noqa: B018
