"""Words of the script: quoted for the shell, with secrets as variables of whoever runs it. Pure."""

import re
import shlex
from collections.abc import Iterable, Iterator

_SECRET = re.compile(r"⟦([^⟧]+)⟧")


_IDENTIFIER = re.compile("[A-Za-z_][A-Za-z0-9_]*")
_PRIVATE = "secret_"
_USED = re.compile(
    r"PATH|HOME|IFS|ENV|PWD|OLDPWD|PPID|OPT(ARG|IND|ERR)|PS[0-4]|E?UID|GROUPS|SHELL(OPTS)?|BASH(OPTS|_.*)?|(LC|LD)_.*"
    r"|DOCKER_(HOST|CONFIG|CONTEXT|CERT_PATH|TLS.*|API_VERSION|DEFAULT_PLATFORM|CONTENT_TRUST.*|AUTH_CONFIG|CUSTOM_HEADERS"
    r"|CLI_.*)|LANG|LANGUAGE|TMPDIR|SSL_CERT_(FILE|DIR)|SSH_AUTH_SOCK|GO(DEBUG|GC|MAXPROCS|MEMLIMIT|TRACEBACK)"
    r"|([Hh][Tt]{2}[Pp][Ss]?|[Nn][Oo]|[Aa][Ll]{2})_[Pp][Rr][Oo][Xx][Yy]"
)
"""Variables that mean something to the shell, to docker or to what docker starts."""


def assignable(name: str) -> bool:
    """Whether the shell can give docker a variable of this name, and nothing else comes of it."""
    return bool(_IDENTIFIER.fullmatch(name)) and not _USED.fullmatch(name) and not name.startswith(_PRIVATE)


def variable(secret: str) -> str:
    """The variable in which the person who runs the script gives a secret; a name such as `db/password` is none."""
    name = re.sub("[^A-Za-z0-9_]", "_", secret)
    return name if assignable(name) else f"_{name}"


def private(secret: str) -> str:
    """The script's own variable with a secret: no other variable has such a name, so none replaces it."""
    return f"{_PRIVATE}{variable(secret)}"


def word(text: object) -> str:
    """A text of a Compose model as one shell word: `$$` is a literal `$`, and `⟦NAME⟧` the secret."""
    parts = _SECRET.split(str(text).replace("$$", "$"))
    quoted = (f'"${private(part)}"' if at % 2 else shlex.quote(part) for at, part in enumerate(parts) if part)
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
