"""The schema of `previews` in tagship.yml: throw-away environments of pull requests."""

import re
from typing import TypeVar

from pydantic import BaseModel, Field

from tagship.project.values import Command, Duration, Reachable, Strings, Table, Word

NAME = re.compile(r"pr([1-9][0-9]{0,8})")
"""The name of a preview, with the number of its pull request."""
NUMBER = "{number}"
_OWN = {
    "hosts": (),
    "redirect_hosts": (),
    "branch": "",
    "promote_from": "",
    "backups": None,
    "sentry": None,
    "notify": (),
}
"""What a preview doesn't take from the environment that it is like."""

E = TypeVar("E", bound=BaseModel)


class PreviewSettings(Table):
    """An environment `prNUMBER` for each pull request, with its own containers, volumes and database."""

    like: Word = Field(
        description="The environment whose settings and server previews use; without its `hosts`, `backups`, `sentry` "
        "and `notify`, and not one with `approval: required`."
    )
    url: Reachable = Field(
        pattern=r"^https?://[^/\s]*\{number\}[^/\s]*/?$",
        description="The URL of each, with {number} in its host, such as https://pr-{number}.preview.example.com.",
    )
    most: int = Field(default=5, ge=1, description="How many there may be at once.")
    ttl: Duration = Field(default=3 * 86400, gt=0, description="Time after its last deploy when a preview is removed.")
    seed: Command = Field(
        default="", description="A command that fills a new preview's database, run once, after its first deploy."
    )
    seed_service: str = Field(
        default="", description="The service whose image and variables `seed` gets. Default: the one that migrates."
    )
    variables: Strings | None = Field(default=None, description="Instead of the environment's `variables`.")
    secrets: Strings | None = Field(default=None, description="Instead of the environment's `secrets`.")

    def preview(self, like: E, number: int) -> E:
        """The environment of a pull request, from the one that it is like."""
        own = {key: value for key in ("variables", "secrets") if (value := getattr(self, key)) is not None}
        named = {"name": f"pr{number}", "url": self.url.replace(NUMBER, str(number))}
        return like.model_copy(update={**_OWN, **own, **named})


def number_of(name: str) -> int:
    """The number in the name of a preview; 0 for any other name."""
    found = NAME.fullmatch(name)
    return int(found[1]) if found else 0
