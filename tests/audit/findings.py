"""What the scanners found, less what is excepted for a while."""

import json
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date


class UnansweredError(Exception):
    """A scanner couldn't ask about everything, so that silence says nothing."""


@dataclass(frozen=True, order=True)
class Finding:
    """A known vulnerability of a package that is locked somewhere."""

    package: str
    version: str
    id: str
    where: str
    """The lock file, from the root."""
    fixed: str = ""
    """The versions without it, as far as the scanner knows."""

    def __str__(self) -> str:
        fixed = f"; fixed in {self.fixed}" if self.fixed else ""
        return f"{self.where}: {self.package} {self.version}: {self.id}{fixed}"


@dataclass(frozen=True)
class Exemption:
    """A vulnerability of a package that is accepted until a day, and why."""

    id: str
    package: str
    until: date
    why: str


def exemptions(text: str) -> tuple[Exemption, ...]:
    """Read exceptions.toml. Raises TypeError and KeyError for what isn't as its head says."""
    return tuple(Exemption(**each) for each in tomllib.loads(text).get("exception", ()))


def of_pip_audit(report: str, where: str) -> list[Finding]:
    """`pip-audit --format json`. Raises UnansweredError."""
    found = []
    for each in json.loads(report)["dependencies"]:
        if "skip_reason" in each:
            raise UnansweredError(f"{where}: {each['name']}: {each['skip_reason']}")
        found += [
            Finding(each["name"], each["version"], flaw["id"], where, ", ".join(flaw["fix_versions"]))
            for flaw in each["vulns"]
        ]
    return found


def of_npm_audit(report: str, where: str) -> list[Finding]:
    """`npm audit --json`. Raises UnansweredError."""
    told = json.loads(report)
    if "vulnerabilities" not in told:
        raise UnansweredError(f"{where}: {told.get('message') or report}")
    advisories = [
        (name, via)
        for name, each in told["vulnerabilities"].items()
        for via in each["via"]
        if isinstance(via, dict)  # a string names another package's, which has its own entry
    ]
    return [Finding(name, via["range"], via["url"].rpartition("/")[2], where) for name, via in advisories]


def problems(found: Iterable[Finding], excepted: Sequence[Exemption], today: date) -> list[str]:
    """What has to be dealt with, a line each."""
    every = sorted(set(found))
    known = {(each.id, each.package): each for each in excepted}
    used = {(each.id, each.package) for each in every} & known.keys()
    return [
        *(str(each) for each in every if (each.id, each.package) not in known),
        *(
            f"exceptions.toml: the exception for {each.id} of {each.package} ended on {each.until}"
            for key, each in known.items()
            if key in used and each.until < today
        ),
        *(
            f"exceptions.toml: nothing is found any more of {each.id} of {each.package}; remove the exception"
            for key, each in known.items()
            if key not in used
        ),
    ]
