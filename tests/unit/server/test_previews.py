"""Tests of what a preview must not share."""

from typing import Any

import pytest

from tagship.errors import ConfigError
from tagship.names import Place
from tagship.server.previews import refuse_shared

PREVIEW = Place("shop", "pr12")
FOLDER = {"type": "bind", "source": "/srv/shop", "target": "/data"}


@pytest.mark.parametrize(
    "model",
    [
        {"volumes": {"data": {"external": True}}},
        {"volumes": {"data": {"driver_opts": {"type": "none", "o": "bind", "device": "/srv/shop/db"}}}},
        {"volumes": {"data": {"driver_opts": {"type": "nfs", "o": "addr=192.0.2.1", "device": ":/db"}}}},
        {"services": {"db": {"volumes": [FOLDER]}}},
    ],
    ids=["external", "a folder", "NFS", "a mount"],
)
def test_data_that_is_not_a_previews_own_is_refused(model: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="so shop-pr12 would share it"):
        refuse_shared(PREVIEW, model)


def test_named_volumes_and_folders_that_are_only_read_are_let_through() -> None:
    mounts = [{"type": "volume", "source": "data", "target": "/data"}, {**FOLDER, "read_only": True}]

    refuse_shared(PREVIEW, {"volumes": {"data": None}, "services": {"db": {"volumes": mounts}, "web": {}}})
