"""Events have no secret in their texts, and their identifiers stay whole."""

from collections.abc import Mapping

from tagship.reporting import events
from tagship.secret import Secret


def test_a_secret_is_hidden_in_texts_and_no_identifier_or_value_to_mask_is_changed_by_one() -> None:
    Secret("a1b2")
    heard: list[Mapping[str, object]] = []

    def listener(_: str, facts: Mapping[str, object]) -> None:
        heard.append(facts)

    events.listen(listener)
    try:
        events.tell("outcome", release="shop-a1b2c3d4", images={"web": "sha256:a1b2"}, warnings=("it said a1b2",))
        events.tell("secrets", values=["a1b2"])
    finally:
        events.forget(listener)

    assert heard == [
        {"release": "shop-a1b2c3d4", "images": {"web": "sha256:a1b2"}, "warnings": ["it said ⟦hidden⟧"]},
        {"values": ["a1b2"]},
    ]
