"""Which environments previews may be like: none that they would touch, or whose protection they would go around."""

from collections.abc import Iterator

from tagship.project.preview_settings import number_of
from tagship.project.schema import Config

Problem = tuple[tuple[str, ...], str]
"""A key's path, and what is wrong with its value."""


def findings(config: Config) -> Iterator[Problem]:
    """What is wrong with `previews`, given the environments."""
    if (previews := config.previews) is None:
        return
    for name in filter(number_of, config.environments):
        yield ("environments", name), "with `previews`, prNUMBER is the name of a preview"
    like = config.environments.get(previews.like)
    if like is None:
        yield ("previews", "like"), f"there is no environment {previews.like!r}"
        return
    if like.approval == "required":
        yield ("previews", "like"), f"{like.name} requires approval, which previews would go around"
    apart = previews.variables is not None or previews.secrets is not None
    if like.release.migrations and not like.release.accessories and not apart:
        own = "give previews variables or secrets of their own"
        yield ("previews", "like"), f"{like.name} has no accessory, so previews would migrate its database: {own}"
