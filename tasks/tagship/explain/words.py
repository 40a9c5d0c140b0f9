"""Words of the script: quoted for the shell, with secrets as variables of whoever runs it. Pure."""

import re
import shlex
from collections.abc import Iterable, Iterator

_SECRET = re.compile(r"⟦([^⟧]+)⟧")


def variable(secret: str) -> str:
    """The shell variable from which a secret comes; a name such as `db/password` is none."""
    return re.sub("[^A-Za-z0-9_]", "_", secret)


def word(text: object) -> str:
    """A text of a Compose model as one shell word: `$$` is a literal `$`, and `⟦NAME⟧` the secret's variable."""
    parts = _SECRET.split(str(text).replace("$$", "$"))
    quoted = (f'"${variable(part)}"' if at % 2 else shlex.quote(part) for at, part in enumerate(parts) if part)
    return "".join(quoted) or "''"


def holds_secret(text: object) -> bool:
    """Whether a text of a Compose model needs a secret."""
    return _SECRET.search(str(text)) is not None


def folded(command: str, options: Iterable[str]) -> str:
    """A command with one option on each line."""
    return " \\\n  ".join((command, *options))


def comment(text: str, width: int = 98) -> Iterator[str]:
    """Lines of a comment."""
    line = "#"
    for each in text.split():
        if len(line) + 1 + len(each) > width and line != "#":
            yield line
            line = "#"
        line += f" {each}"
    yield line


def document(text: str, end: str) -> str:
    """A text as a here-document in which the shell replaces nothing."""
    while end in text.splitlines():
        end += "_"
    return f"<<'{end}'\n{text}\n{end}"
