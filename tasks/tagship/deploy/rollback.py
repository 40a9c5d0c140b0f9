"""Chooses the release that a rollback goes to. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from tagship.deploy.observed import Observed
from tagship.errors import SourceError
from tagship.proof.ledger import Action, Entry
from tagship.release.model import Configuration


def choose_rollback(observed: Observed, to: str = "") -> tuple[str, ...]:
    """The releases that a rollback may go to, the best first: those that were live before the live one.

    With `to`, only the newest good one whose SHA begins with it. Raises SourceError if there is none, or if the prefix
    is ambiguous.
    """
    good = [entry for entry in observed.history if entry.proves]
    if to:
        return (_named(good, to),)
    before = good[: _position(good, observed.live)] if observed.proven else good
    earlier = tuple(dict.fromkeys(_name(entry) for entry in reversed(before) if _name(entry) != observed.live))
    if not earlier:
        raise SourceError(
            "There is no release before the live one.", hint="pass --to SHA; `tagship history` lists the releases"
        )
    return earlier


def release_before(observed: Observed, name: str) -> str:
    """The good release that was live before this one; empty if the ledger has none."""
    good = [entry.release for entry in observed.history if entry.proves]
    last = max((at for at, release in enumerate(good) if release == name), default=len(good))
    return next((release for release in reversed(good[:last]) if release != name), "")


def compared(then: Configuration | None, now: Configuration, observed: Observed) -> Iterator[str]:
    """What a rollback's configuration changes, and what it can't restore, one line each."""
    if then is None:
        yield "its variables were not stored, so it gets today's"
        return
    live = observed.live_record.configuration if observed.live_record else None
    if live and (back := sorted(_differing(live.variables, now.variables))):
        yield f"gets its old value of {', '.join(back)} back"
    if changed := sorted(_differing(then.secrets, now.secrets)):
        yield f"{', '.join(changed)} changed since, and it gets today's secrets"


def _differing(one: Mapping[str, str], other: Mapping[str, str]) -> Iterator[str]:
    return (name for name in {*one, *other} if one.get(name) != other.get(name))


def _named(good: Sequence[Entry], to: str) -> str:
    found = [entry for entry in good if entry.tag.startswith(to)]
    tags = {entry.tag for entry in found}
    if len(tags) > 1:
        raise SourceError(f"{to} matches {len(tags)} releases: {', '.join(sorted(tags))}.", hint="give more digits")
    if not found:
        raise SourceError(f"No good release here has a SHA that starts with {to!r}.", hint="see `tagship history`")
    return found[-1].release


def _position(good: Sequence[Entry], live: str) -> int:
    """The index of the live release's deploy; after a rollback, that of the restored release; 0 if unknown."""
    names = set(_restored(good, live))
    return max((at for at, entry in enumerate(good) if entry.release in names and not _went_back(entry)), default=0)


def _restored(good: Sequence[Entry], name: str) -> Iterator[str]:
    """A release's name, and the names of the releases that it restores."""
    seen = {""}
    while name not in seen:
        yield name
        seen.add(name)
        name = next((e.restores for e in reversed(good) if e.release == name and _went_back(e)), "")


def _name(entry: Entry) -> str:
    return entry.restores or entry.release


def _went_back(entry: Entry) -> bool:
    return entry.action == Action.ROLLBACK.value
