"""The edge's part of a canary."""

import json

import pytest

from tagship.edge import canary
from tests.fakes.builders import PLACE

FOLDER = f"/tagship/{PLACE}"
KEY = f"{{file.{FOLDER}/key}}"


@pytest.mark.parametrize(("percent", "written"), [(0, "0000"), (0.1, "0042"), (10, "199a"), (50, "8000"), (100, "g")])
def test_a_share_is_the_beginning_of_a_random_number(percent: float, written: str) -> None:
    assert canary.threshold(percent) == written
    assert canary.percent(written) == percent


@pytest.mark.parametrize("written", ["", "x", "-"])
def test_what_is_no_share_is_none(written: str) -> None:
    assert canary.percent(written) == 0


def test_each_visitor_is_drawn_once_and_a_cookie_of_this_canary_alone_counts() -> None:
    (gate,) = canary.draw(PLACE, FOLDER, KEY, secure=True)["routes"]
    read, within = gate["handle"]
    (lasting,) = within["routes"]
    sides = lasting["handle"][0]["routes"]

    assert gate["match"][0]["not"][0] == {"vars": {f"{{file.{FOLDER}/canary}}": ["off"]}}
    assert {"header": {"Cookie": [f"*tagship-candidate={KEY}*"]}} in gate["match"][0]["not"]
    assert read["canary_until"] == f"{{file.{FOLDER}/canary-until}}"
    assert {side["group"] for side in sides} == {"canary"}
    cookies = [f"*tagship-candidate={{file.{FOLDER}/canary}}.{who}*" for who in ("candidate", "live")]
    assert [side["match"][0]["header"]["Cookie"] for side in sides[:2]] == [[cookie] for cookie in cookies]
    assert sides[2]["match"] == [{"expression": "{http.request.uuid} < {http.vars.canary_share}"}]
    assert "match" not in sides[3]
    assert "Set-Cookie" not in json.dumps(sides[:2])
    assert json.dumps(sides[2:]).count("; Path=/; HttpOnly; SameSite=Lax; Secure") == 2


def test_the_log_names_the_side_and_the_environment() -> None:
    said = json.dumps(canary.draw(PLACE, FOLDER, KEY, secure=False))

    assert said.count(f'"key": "canary", "value": "{PLACE}/candidate"') == 2
    assert said.count(f'"key": "canary", "value": "{PLACE}/live"') == 2
    assert "Secure" not in said
