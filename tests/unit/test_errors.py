"""Every failure that a user can meet."""

import re
from pathlib import Path

import pytest

from tagship import errors
from tagship.errors import EngineError, TagshipError

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, TagshipError)]
PACKAGE = Path(errors.__file__).parent
VERBS = re.compile(
    r"add|allow|build|change|check|clone|close|commit|correct|create|deploy|encode|fetch|free|give|indent|inject|install|keep|look|"
    r"merge|move|pass|paste|put|read|remove|repeat|route|run|save|see|set|solve|start|stop|try|type|unset|upgrade|use|wait|watch|"
    r"widen|write"
)


def test_says_what_went_wrong_and_then_what_to_do() -> None:
    assert str(TagshipError("It broke.", hint="mend it")) == "It broke.\n  hint: mend it"
    assert str(TagshipError("It broke.")) == "It broke."


def test_what_is_known_only_later_is_said_too() -> None:
    error = EngineError("It broke.", status=500, hint="mend it")

    error.add_hint("a-b is serving")

    assert str(error) == "It broke.\n  hint: mend it; a-b is serving"
    assert (error.status, error.code) == (500, 14)


def test_what_the_system_says_is_told_without_its_number() -> None:
    assert errors.plain(FileNotFoundError(2, "No such file or directory")) == "No such file or directory"
    assert errors.plain(OSError("Proxy: [Errno -2] Name not known")) == "Proxy: Name not known"
    assert errors.plain(TimeoutError()) == "TimeoutError"


def test_every_kind_has_an_exit_code_of_its_own() -> None:
    codes = [kind.exit_code for kind in KINDS]

    assert len(set(codes)) == len(KINDS) > 10


@pytest.mark.parametrize("kind", KINDS)
def test_the_exit_codes_documented_are_the_ones_used(kind: type[TagshipError]) -> None:
    assert re.search(rf"\b{kind.__name__} +{kind.exit_code}\b", errors.__doc__ or "")
    assert kind("x").code == kind.exit_code


def test_a_hint_begins_with_a_verb() -> None:
    hints = re.findall(r'hint=f?"(\w[^"{]*)', "".join(path.read_text() for path in PACKAGE.rglob("*.py")))

    assert len(hints) > 60
    assert [hint for hint in hints if not VERBS.fullmatch(hint.split()[0].strip("`;"))] == []
