"""What the edge does at asset paths."""

from tagship.edge import kept_assets


def test_only_an_answer_that_lacks_the_file_is_replaced_and_no_refusal_or_redirect() -> None:
    found = kept_assets.otherwise("/tagship/shop-staging")

    assert [each["match"] for each in found] == [
        {"status_code": [404]},
        {"status_code": [200], "headers": {"Content-Type": ["text/html*"]}},
    ]
