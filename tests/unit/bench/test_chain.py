"""What the longest chain of calls is."""

from tests.bench.chain import Call, links, longest


def test_a_call_waits_for_one_whose_answer_was_back_when_it_left() -> None:
    calls = [Call(1, "a", 0.0, [0.01]), Call(1, "b", 0.12, [0.13]), Call(1, "c", 0.24)]

    assert [call.what for call in longest(links(calls, 0.1))] == ["a", "b", "c"]


def test_calls_that_were_on_their_way_together_count_once() -> None:
    calls = [Call(1, "a", 0.0, [0.01]), Call(2, "b", 0.05, [0.06]), Call(3, "c", 0.09, [0.1]), Call(1, "d", 0.25)]

    assert [call.what for call in longest(links(calls, 0.1))] == ["c", "d"]


def test_a_stream_s_later_parts_are_waited_for_like_an_answer() -> None:
    calls = [Call(1, "events", 0.0, [0.01, 0.5]), Call(2, "start", 0.05, [0.1]), Call(3, "next", 0.61)]

    assert len(longest(links(calls, 0.1))) == 2
    assert longest(links(calls, 0.1))[0].what == "events"


def test_without_calls_there_is_no_chain() -> None:
    assert longest(links([], 0.1)) == []
