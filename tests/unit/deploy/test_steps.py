"""A plan can be printed: it holds no secret."""

import dataclasses

import pytest

from tagship.deploy.rollout import Patience, plan_rollout
from tagship.deploy.steps import Pull, Stop
from tests.fakes.builders import observed, rendered

SECRETIVE = rendered("b", {"web": {"environment": {"PASSWORD": "⟦PASSWORD⟧"}}, "beat": {}}, singletons=("beat",))


def test_every_step_is_one_line_that_names_what_it_is_about() -> None:
    old = rendered("a", {"web": {}, "beat": {}})

    said = [str(step) for step in plan_rollout(SECRETIVE, observed(old), Patience(bake=90))]

    assert said == [
        "Pull 2 images by digest",
        f"Prepare {SECRETIVE.name}",
        f"Create {SECRETIVE.name}",
        "Start web and wait until ready",
        "Serve 1 route",
        "Smoke-test the candidate through the edge",
        f"Cut over to {SECRETIVE.name}",
        "Smoke-test the public URL",
        "Bake for 90 s",
        f"Stop beat of {old.name}",
        "Start beat and wait until ready",
        f"Drain {old.name}",
        f"Stop {old.name}",
    ]


def test_even_the_whole_plan_knows_a_secret_by_name_only() -> None:
    plan = plan_rollout(SECRETIVE, observed(None), Patience())

    assert "⟦PASSWORD⟧" in repr(plan)
    assert "⟦" not in "\n".join(map(str, plan))


@pytest.mark.parametrize(("images", "said"), [((), "0 images"), (("x",), "1 image "), (("x", "y"), "2 images")])
def test_counts_as_people_do(images: tuple[str, ...], said: str) -> None:
    assert said in str(Pull(images))


def test_steps_are_values() -> None:
    assert Stop("a-b") == Stop("a-b", ())
    with pytest.raises(dataclasses.FrozenInstanceError):
        Stop("a-b").release = "c"  # type: ignore[misc]
