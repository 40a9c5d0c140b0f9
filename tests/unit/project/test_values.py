"""Durations and shares: what they mean as texts, and what is none."""

import pytest

from tagship.project.schema import CanarySettings
from tagship.project.values import duration, percent, seconds


@pytest.mark.parametrize(("written", "meant"), [("10", 10), ("0.5", 0.5), ("1m30s", 90), ("500ms", 0.5)])
def test_an_options_duration_may_be_a_number_of_seconds_as_in_tagship_yml(written: str, meant: float) -> None:
    assert duration(written) == meant


@pytest.mark.parametrize("written", ["", "soon", "1e2", "-1", "nan", "\u0661\u0660", "\u0661\u0660m", "10 m"])
def test_other_texts_are_no_durations(written: str) -> None:
    with pytest.raises(ValueError, match="isn't a duration"):
        duration(written)
    with pytest.raises(ValueError, match="isn't a duration"):
        seconds(written)


def test_a_text_is_a_share_only_with_its_percent_sign() -> None:
    assert [percent(value) for value in ("10%", "0.1%", 10)] == [10, 0.1, 10]
    for written in ("", "%", "10", "0.1", "1e1%", "nan%", "-1%", "\u0661\u0660%", "10 %"):
        with pytest.raises(ValueError, match="isn't a share: write 10%"):
            percent(written)


@pytest.mark.parametrize("lasts", [0, "0s", ".inf", float("inf")])
def test_a_canary_lasts_for_some_time_and_not_for_ever(lasts: object) -> None:
    with pytest.raises(ValueError, match="for"):
        CanarySettings.model_validate({"for": lasts})
