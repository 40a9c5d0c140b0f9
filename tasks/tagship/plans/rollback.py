"""Which release a rollback goes to. Pure."""

from tagship.errors import SourceError
from tagship.ports import Observed


def choose_rollback(observed: Observed, to: str = "") -> str:
    """The release that was live before the live one was deployed, or the newest good one whose SHA starts with `to`.

    Raises SourceError when there is none, or when the prefix means several commits.
    """
    good = [entry for entry in observed.history if entry.proves]
    if to:
        found = [entry for entry in good if entry.tag.startswith(to)]
        tags = {entry.tag for entry in found}
        if len(tags) > 1:
            raise SourceError(f"{to} means {len(tags)} releases: {', '.join(sorted(tags))}.", hint="give more digits")
        if not found:
            raise SourceError(
                f"No good release here has a SHA that starts with {to!r}.", hint="tagship history --env …"
            )
        return found[-1].release
    at = max((n for n, e in enumerate(good) if e.release == observed.live and e.action == "deploy"), default=None)
    earlier = [] if at is None else [entry.release for entry in good[:at] if entry.release != observed.live]
    previous = next(reversed(earlier), "")
    if not previous:
        raise SourceError(
            "There is no release before the live one.", hint="name one: --to SHA; tagship history shows them"
        )
    return previous
