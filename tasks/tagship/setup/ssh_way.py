"""Finds out why SSH to a server fails, and what a server says of itself, in one connection."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from tagship.errors import ConnectionFailedError
from tagship.server import ssh
from tagship.setup.report import Check, bad, good, unknown
from tagship.system import openssh, programs
from tagship.system.deadline import Deadline

WITHIN = 30.0
_FACTS = (
    "df -Pk /var/lib/docker 2>/dev/null | tail -n 1; echo; grep MemAvailable /proc/meminfo; echo; "
    "ls -d /sys/class/net 2>/dev/null; exit 0"
)
_HOST_KEY = re.compile(r"Server host key: (\S+) (SHA256:\S+)")
_OFFERED = re.compile(r"Offering public key: (\S+) (\S+) (SHA256:\S+)")
_ACCEPTED = re.compile(r"Server accepts key: (\S+) (\S+) (SHA256:\S+)")
_LEFT = re.compile(r"Authentications that can continue: (\S+)")
_OFFENDING = re.compile(r"Offending \S+ key in (\S+?):(\d+)")
_UNREACHED = re.compile(
    r"(Could not resolve hostname[^\n]*|Connection (?:refused|timed out|closed)[^\n]*|No route to host"
    r"|was not done in time)"
)


@dataclass(frozen=True)
class Way:
    """What ssh said, and what the server said of itself."""

    log: str
    facts: str = ""

    @property
    def open(self) -> bool:
        """Whether the server accepted a key."""
        return "Authenticated to" in self.log

    @property
    def disk_free(self) -> int | None:
        """Free bytes where Docker keeps its data, if the server says that."""
        fields = self.facts.partition("\n\n")[0].split()
        return int(fields[3]) * 1024 if len(fields) > 3 and fields[3].isdecimal() else None  # noqa: PLR2004 - of df

    @property
    def memory_free(self) -> int | None:
        """Bytes that new processes can use, if the server says that."""
        found = re.search(r"MemAvailable:\s+(\d+) kB", self.facts)
        return int(found[1]) * 1024 if found else None


def look(engine: str) -> Way:
    """Connect once, with ssh's own log. Raises ToolError without ssh."""
    url = urlsplit(engine)
    options = openssh.options(url, {"ControlMaster": "no", "ControlPath": "none", "LogLevel": "DEBUG1"})
    argv = [openssh.program(), "-T", *options, "--", str(url.hostname), _FACTS]
    try:
        done = programs.run(argv, fails_as=ConnectionFailedError, until=Deadline(time.monotonic() + WITHIN))
    except ConnectionFailedError as error:
        return Way(error.output or error.problem)
    return Way(done.err, done.out)


def checks(engine: str, way: Way) -> Iterator[Check]:
    """The way in: reached, the host key, and the key that was accepted or those that were refused."""
    url = urlsplit(engine)
    if (unreached := _UNREACHED.search(way.log)) and not _HOST_KEY.search(way.log):
        hint = ssh.hint(engine, way.log) or "check the host, the port and the server's firewall"
        yield bad(
            "ssh", f"{url.hostname} isn't reached: {unreached[1].strip().rstrip('.')}.", hint, ConnectionFailedError
        )
        return
    yield from _host_key(engine, way)
    if "Host key verification failed" not in way.log:
        yield from _key(url.username or "", way)


def _host_key(engine: str, way: Way) -> Iterator[Check]:
    host, found = urlsplit(engine).hostname, _HOST_KEY.search(way.log)
    shown = f"{found[1]} {found[2]}" if found else "a key that ssh doesn't show"
    if "HOST IDENTIFICATION HAS CHANGED" in way.log:
        offending = _OFFENDING.search(way.log)
        where = f"{offending[1]}, line {offending[2]}" if offending else "known_hosts"
        text = f"{host} has another host key than {where} says: {shown}. It was set up anew, or somebody is in between."
        yield bad(
            "host key", text, f"check it on the server's console; then ssh-keygen -R {host}", ConnectionFailedError
        )
    elif "Host key verification failed" in way.log:
        todo = f"check it on the server's console; then ssh-keyscan {host} >> ~/.ssh/known_hosts"
        yield bad("host key", f"No known_hosts has the key of {host}: {shown}.", todo, ConnectionFailedError)
    elif found:
        yield good("host key", f"{shown} is known")
    else:
        yield unknown("host key", "ssh didn't say.")


def _key(user: str, way: Way) -> Iterator[Check]:
    offered = [f"{path} ({kind} {print_})" for path, kind, print_ in _OFFERED.findall(way.log)]
    if way.open:
        accepted = _ACCEPTED.search(way.log)
        yield good("ssh", f"{user or 'the user'} logs in" + (f" with {accepted[1]}" if accepted else ""))
        return
    left = _LEFT.findall(way.log)
    how = f"; it takes {left[-1]}" if left else ""
    if not offered:
        text = f"ssh has no key to offer{how}."
        yield bad("ssh", text, "make one with ssh-keygen, or load it with ssh-add", ConnectionFailedError)
        return
    text = f"The server refused {', '.join(offered)} for {user or 'your user'}{how}."
    todo = f"add that public key to ~{user}/.ssh/authorized_keys there, or load another one with ssh-add"
    yield bad("ssh", text, todo, ConnectionFailedError)
