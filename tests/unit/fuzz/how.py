"""How many inputs are tried: few and always the same in CI, many and others in `nox -s fuzz`."""

import os
from datetime import timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.unit.fuzz import EXAMPLES

_MANY = int(os.environ.get(EXAMPLES, "0"))

fuzzed = settings(
    max_examples=_MANY or 15,
    derandomize=not _MANY,
    database=None,
    deadline=timedelta(seconds=5) if _MANY else None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
"""Decorates a test; an input that takes more than five seconds fails a long run."""

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
json = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)
"""Anything that JSON can say, and a little more."""


def bent(right: object, other: st.SearchStrategy[object] = json) -> st.SearchStrategy[object]:
    """A right value, or what becomes of it if parts of it are lost, doubled, or something else."""
    if isinstance(right, dict):
        keys = {key: bent(value, other) for key, value in right.items()}
        whole: st.SearchStrategy[object] = st.fixed_dictionaries({}, optional=keys)
        whole |= st.fixed_dictionaries(keys)
    elif isinstance(right, list):
        whole = st.lists(st.one_of([bent(item, other) for item in right]), max_size=3) if right else st.just([])
    else:
        whole = st.just(right)
    return st.one_of(st.just(right), whole, whole, other)


def damaged(right: bytes) -> st.SearchStrategy[bytes]:
    """Bytes, a part of which is lost or replaced."""
    at = st.integers(0, len(right))
    return st.builds(
        lambda first, second, new: right[: min(first, second)] + new + right[max(first, second) :],
        at, at, st.binary(max_size=12),
    )  # fmt: skip
