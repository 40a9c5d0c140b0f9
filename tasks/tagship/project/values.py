"""The kinds of values that tagship.yml holds: how each may be written, and what is refused."""

import ipaddress
import re
import shlex
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_ECR = re.compile(r"\d{12}\.dkr\.ecr(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?(?:/.*)?")
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_NUMBER = r"(\d+(?:\.\d+)?)"
_DURATION = re.compile(f"{_NUMBER}(ms|s|m|h|d)", re.ASCII)
_SECONDS = re.compile(_NUMBER, re.ASCII)
_SHARE = re.compile(f"{_NUMBER}%", re.ASCII)
LOCAL = "local"
"""The engine of this machine."""
NARROWEST_RANGE = 19
"""The edge's network is a /20, and the others come behind it."""


def seconds(value: object) -> object:
    """Convert `500ms`, `2s`, `1m30s` or a number of seconds to seconds."""
    if isinstance(value, str):
        parts = _DURATION.findall(value)
        if not parts or "".join(number + unit for number, unit in parts) != value:
            msg = f"{value!r} isn't a duration: write 500ms, 2s or 1m30s"
            raise ValueError(msg)
        return sum(float(number) * _UNITS[unit] for number, unit in parts)
    return value


def duration(text: str) -> float:
    """Seconds from the text of an option, where a number of seconds is a text, too. Raises ValueError."""
    return float(text) if _SECONDS.fullmatch(text) else float(str(seconds(text)))


def percent(value: object) -> object:
    """Convert `1%` or a number of hundredths to that number. A text without % may mean either, so it is refused."""
    if isinstance(value, str):
        if not (found := _SHARE.fullmatch(value)):
            msg = f"{value!r} isn't a share: write 10%"
            raise ValueError(msg)
        return float(found[1])
    return value


def listed(value: object) -> object:
    """Accept one text where a list is expected."""
    return [value] if isinstance(value, str) else value


def mapped(value: object) -> object:
    """Refuse a list of routes with a hint that they are a mapping."""
    if isinstance(value, list):
        msg = "write one route a line, PATH: SERVICE:PORT, without `- `"
        raise ValueError(msg)  # noqa: TRY004 - what pydantic collects
    return value


def prefix(value: str) -> str:
    """Refuse a registry with a scheme: like an image's name, it is HOST/PATH."""
    if "://" in value:
        msg = f"{value!r} isn't valid: write {value.partition('://')[2]!r}, as in an image's name"
        raise ValueError(msg)
    return value.rstrip("/")


def ecr_region(registry: str) -> str:
    """The region of a registry of AWS, ACCOUNT.dkr.ecr.REGION.amazonaws.com; empty for any other."""
    found = _ECR.fullmatch(registry)
    return found[1] if found else ""


def spelt_out(value: object) -> object:
    """Accept `bake: 10m` for `bake: {for: 10m}`."""
    return {"for": value} if isinstance(value, str | int | float) else value


def split(value: str) -> str:
    """Refuse a command that no shell could split into words."""
    try:
        shlex.split(value)
    except ValueError as error:
        msg = f"{value!r} isn't a command: {str(error).lower()}"
        raise ValueError(msg) from None
    return value


def reachable(value: str) -> str:
    """Refuse a URL without a host, or with a port that can't be one."""
    address = urlsplit(value)
    try:
        named = address.hostname and not address.hostname.startswith("-") and address.port != 0
    except ValueError:
        named = False
    if value != LOCAL and (not named or (address.username or "").startswith("-")):
        msg = f"{value!r} names no host, or no port: write {address.scheme}://HOST[:PORT]"
        raise ValueError(msg)
    return value


def cut_from(value: str) -> str:
    """Refuse ranges that are too narrow: the edge's network is a /20, and the others need the rest."""
    network = ipaddress.IPv4Network(value)
    if network.prefixlen > NARROWEST_RANGE:
        msg = f"{value} is too narrow: give /{NARROWEST_RANGE} or wider, because the edge alone takes half of that"
        raise ValueError(msg)
    return value


def networks(values: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse what is no IP address or network."""
    for value in values:
        ipaddress.ip_network(value)  # which says what is wrong
    return values


def hosts(values: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse URLs and ports where host names are expected."""
    for value in values:
        if not _HOST.fullmatch(value):
            msg = f"{value!r} isn't a host name: write it without scheme, port and path"
            raise ValueError(msg)
    return values


def address(value: str) -> str:
    """Refuse what is no IP address."""
    if value:
        ipaddress.ip_address(value)  # which says what is wrong
    return value


Duration = Annotated[float, Field(ge=0), BeforeValidator(seconds, json_schema_input_type=float | str)]
Percent = Annotated[float, Field(ge=0, le=100), BeforeValidator(percent, json_schema_input_type=float | str)]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", max_length=32)]
Word = Annotated[str, Field(pattern=r"^[a-z0-9]+$", max_length=32)]
"""An environment's name. It has no hyphen, so that app `a-b` in `c` differs from app `a` in `b-c`."""
Routes = Annotated[dict[str, str], BeforeValidator(mapped, json_schema_input_type=dict[str, str])]
Prefix = Annotated[str, AfterValidator(prefix)]
Strings = Annotated[tuple[str, ...], BeforeValidator(listed, json_schema_input_type=str | tuple[str, ...])]
Networks = Annotated[Strings, AfterValidator(networks)]
Hosts = Annotated[Strings, AfterValidator(hosts)]
Address = Annotated[str, AfterValidator(address)]
Command = Annotated[str, AfterValidator(split)]
"""Words, split as a shell splits them."""
Commands = Annotated[tuple[Command, ...], BeforeValidator(listed, json_schema_input_type=str | tuple[str, ...])]
Reachable = Annotated[str, AfterValidator(reachable)]
Range = Annotated[str, AfterValidator(cut_from)]


class Table(BaseModel):
    """A mapping in tagship.yml; unknown keys are refused."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        defer_build=True,  # `--list` needs no validators
        alias_generator=lambda name: name.replace("_", "-"),
    )
