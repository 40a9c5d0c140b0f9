"""The rows of the table, in its order."""

from tests.bench.rows import far, near, starting, three
from tests.bench.scene import Scene

SCENES: tuple[Scene, ...] = (near.SCENE, far.SCENE, three.SCENE, starting.SCENE)
