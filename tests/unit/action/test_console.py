"""The runner obeys only our own commands."""

import io
import re

from action.console import Annotation, Console, escape_data, escape_property
from action.masking import Masks


def console() -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(out, Masks()), out


def obeyed(text: str) -> list[str]:
    """The commands a runner obeys: those outside a pair of stop-commands and its token."""
    found, stopped = [], ""
    for line in text.splitlines():
        if stopped:
            stopped = "" if line == f"::{stopped}::" else stopped
        elif match := re.fullmatch(r"::stop-commands::(\w+)", line):
            stopped = match[1]
        elif re.match(r"::[\w-]+", line):
            found.append(line)
    return found


def test_the_output_of_others_is_never_obeyed() -> None:
    said, out = console()

    said.group("Test")
    for line in ("::error::forged", "::add-mask::forged", "::set-output name=a::b", "::stop-commands::x", "::x::"):
        said.say(line)
    said.ungroup()
    said.say("::warning::forged")
    said.close()

    assert obeyed(out.getvalue()) == ["::group::Test", "::endgroup::"]
    assert "::error::forged" in out.getvalue()


def test_every_token_is_new() -> None:
    said, out = console()

    for _ in range(3):
        said.say("x")
        said.group("y")
    tokens = re.findall(r"stop-commands::(\w+)", out.getvalue())

    assert len(set(tokens)) == 3


def test_a_line_break_in_an_annotation_starts_no_command() -> None:
    said, out = console()

    said.annotate(Annotation("bad\n::add-mask::x", "a,b:c", "src/a.py", 3, 7))

    assert out.getvalue() == "::error file=src/a.py,line=3,col=7,title=a%2Cb%3Ac::bad%0A::add-mask::x\n"


def test_a_secret_in_a_line_a_title_and_an_annotation_is_hidden() -> None:
    said, out = console()
    said.hide(["topsecret"])
    masks = out.getvalue()

    said.say("it is topsecret")
    said.group("with topsecret")
    said.annotate(Annotation("about topsecret"))

    assert "::add-mask::topsecret\n" in masks
    assert "topsecret" not in out.getvalue().removeprefix(masks)


def test_commands_count_again_when_the_step_ends() -> None:
    said, out = console()

    said.say("x")
    said.close()

    token = out.getvalue().splitlines()[0].removeprefix("::stop-commands::")
    assert out.getvalue().endswith(f"::{token}::\n")


def test_escapes_are_the_runners() -> None:
    assert escape_data("50%\r\n") == "50%25%0D%0A"
    assert escape_property("a:b,c%") == "a%3Ab%2Cc%25"
