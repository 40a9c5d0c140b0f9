"""A Sentry in one process, run by Sentry's own Python; a database and a Redis are there."""

# mypy: disable-error-code="import-not-found"

import os

from sentry.runner import configure

configure()

# What follows is about Sentry's models, which are there from here on.
from sentry.utils import outcomes  # noqa: E402
from sentry.wsgi import application  # noqa: E402

from . import events, seed, snuba, web  # noqa: E402

outcomes.outcomes_publisher = events.Outcomes()  # no setting names it
seed.seed()
web.Server("127.0.0.1", 1218, snuba.application).start()
web.Server(os.environ["RIG_ADDRESS"], int(os.environ["RIG_PORT"]), application).start()
