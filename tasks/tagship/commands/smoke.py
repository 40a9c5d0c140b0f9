"""`smoke-test`: run the smoke tests against an environment's URL."""

from invoke.context import Context

from tagship.commands.task import CHECK_IN, ENV, task


@task(
    changes=False,
    trusts=False,
    help={
        "env": ENV,
        "check-in": CHECK_IN.format("smoke-test"),
    },
)
def smoke_test(_: Context, env: str = "", check_in: str = "") -> None:
    """Run the smoke tests against an environment's URL."""
    from tagship.checks import smoke
    from tagship.project import here
    from tagship.reporting import telemetry
    from tagship.reporting.progress import Progress

    config = here.config()
    settings = config.environment(env)
    scheduled = telemetry.checked_in(f"{config.app}-smoke-test-{env}", check_in)
    with scheduled, Progress().step(f"Smoke-test {settings.url}"):
        smoke.run(settings.smoke, settings.url, settings.smoke_within)
