"""The rows of the table, in its order."""

from tests.bench.rows import (
    backed_up,
    backup,
    crowded,
    example,
    far,
    large,
    loaded,
    many,
    migrating,
    near,
    pruning,
    secret_stores,
    starting,
    three,
)
from tests.bench.scene import Scene

SCENES: tuple[Scene, ...] = (
    near.SCENE,
    far.SCENE,
    three.SCENE,
    starting.SCENE,
    migrating.SCENE,
    example.SCENE,
    loaded.SCENE,
    large.SCENE,
    pruning.SCENE,
    backup.SCENE,
    backed_up.SCENE,
    secret_stores.SCENE,
    *many.SCENES,
    *crowded.SCENES,
)
