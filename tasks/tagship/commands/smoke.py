"""`smoke-test`: run the smoke tests against an environment's URL."""

import json as jsonlib
import time

from invoke.context import Context

from tagship.commands.task import CHECK_IN, ENV, JSON, task


@task(
    changes=False,
    trusts=False,
    help={
        "env": ENV,
        "check-in": CHECK_IN.format("smoke-test"),
        "json": JSON,
    },
)
def smoke_test(_: Context, env: str = "", check_in: str = "", json: bool = False) -> None:
    """Run the smoke tests against an environment's URL."""
    from tagship.checks import smoke
    from tagship.project import here
    from tagship.reporting import telemetry
    from tagship.reporting.progress import Progress

    config = here.config()
    settings = config.environment(env)
    scheduled = telemetry.checked_in(f"{config.app}-smoke-test-{env}", check_in)
    began = time.monotonic()
    with scheduled, Progress(quiet=json).step(f"Smoke-test {settings.url}"):
        smoke.run(settings.smoke, settings.url, settings.smoke_within)
    if json:
        told = {"environment": env, "url": settings.url, "checks": max(1, len(settings.smoke))}
        print(jsonlib.dumps({**told, "seconds": time.monotonic() - began}))
