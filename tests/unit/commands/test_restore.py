"""What a restore says of the data when something fails after it was replaced."""

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from tagship.backups import restore
from tagship.backups.manifest import Manifest
from tagship.commands.restore import Restored, _Work
from tagship.errors import EngineError
from tagship.reporting.progress import Progress

BACKUP = Manifest("20260101T000000Z-abcdef", "shop", "staging", "", "2026-01-01T00:00:00", "")
PLAN = restore.Plan(BACKUP, "shop", "shop_restore_x", "shop_until_x")


class Files:
    """Files of a volume, which are exchanged."""

    name = "volume:media"

    def lay(self, *_: object) -> None:
        """Beside the old ones."""

    def clear(self) -> None:
        """Nothing was laid."""

    def swap(self) -> str:
        """The volume that will have the old ones."""
        return ""


def work(monkeypatch: pytest.MonkeyPatch, *, fails_at: int) -> Any:  # noqa: ANN401 - with a fake environment
    """A restore whose records fail from one on."""
    records: list[object] = []

    def observe() -> Any:  # noqa: ANN401 - the ledger's entry needs it
        records.append(None)
        if len(records) > fails_at:
            raise EngineError("No such container: tagship-edge.")
        return SimpleNamespace(live="", live_record=None)

    environment: Any = SimpleNamespace(
        edge=SimpleNamespace(held=lambda _, on: nullcontext(on)),
        site=lambda _: None,
        observe=observe,
        now=lambda: "2026-01-01T00:00:00+00:00",
        lease=SimpleNamespace(confirm=lambda: None, holder=SimpleNamespace(who="kim", run="")),
        record=lambda _: None,
    )
    for name in ("load", "swap"):
        monkeypatch.setattr(restore, name, lambda *_: ())
    server: Any = SimpleNamespace(access=SimpleNamespace(database="shop"))
    nothing: Any = None
    return _Work(environment, server, nothing, nothing, [], Progress(quiet=True))


@pytest.mark.parametrize(
    ("fails_at", "replaced"),
    [
        (0, ""),
        (1, "look at the data: the database had been replaced before"),
        (2, "look at the data: the database, volume:media had been replaced before"),
    ],
)
def test_an_error_names_all_that_was_replaced_before_it(
    monkeypatch: pytest.MonkeyPatch, fails_at: int, replaced: str
) -> None:
    files: Any = Files()

    with pytest.raises(EngineError) as caught:
        work(monkeypatch, fails_at=fails_at).carry_out(Restored(BACKUP, PLAN), [files], hold=False)

    assert caught.value.hint == replaced
