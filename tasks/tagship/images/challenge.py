"""Reads how a server wants to be signed in to: the challenges in WWW-Authenticate (RFC 9110, 11.6.1)."""

import re

_PART = re.compile(r"""([\w!#$%&'*+.^`|~-]+)(?:\s*=\s*("(?:[^"\\]|\\.)*"|[^\s",]+))?""", re.ASCII)
"""A scheme, or a parameter of the scheme before it: `NAME=VALUE` or `NAME="VALUE"`."""
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def parsed(header: str) -> dict[str, dict[str, str]]:
    """Scheme → parameters, of which a header may have several one after another. Names are in lower case."""
    found: dict[str, dict[str, str]] = {}
    scheme = ""
    for name, value in _PART.findall(header):
        if not value:
            scheme = name.lower()
            found.setdefault(scheme, {})
        elif scheme:
            plain = _ESCAPED.sub(r"\1", value[1:-1]) if value.startswith('"') else value
            found[scheme].setdefault(name.lower(), plain)
    return found
