"""A service of a Compose model as `docker create`: the options that this command has for each of its keys. Pure."""

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from tagship.errors import CheckError
from tagship.explain.words import assignable, folded, holds_secret, word
from tagship.project.values import seconds

Settings = Mapping[str, Any]

_PLAIN = {
    "user": "user", "working_dir": "workdir", "hostname": "hostname", "domainname": "domainname",
    "stop_signal": "stop-signal", "shm_size": "shm-size", "mem_limit": "memory", "memswap_limit": "memory-swap",
    "mem_reservation": "memory-reservation", "mem_swappiness": "memory-swappiness", "cpus": "cpus",
    "cpu_shares": "cpu-shares", "cpuset": "cpuset-cpus", "pids_limit": "pids-limit", "pid": "pid", "ipc": "ipc",
    "uts": "uts", "userns_mode": "userns", "cgroup_parent": "cgroup-parent", "runtime": "runtime",
    "platform": "platform", "oom_score_adj": "oom-score-adj", "restart": "restart", "isolation": "isolation",
    "network_mode": "network", "mac_address": "mac-address", "cgroup": "cgroupns", "blkio_weight": "blkio-weight",
}  # fmt: skip
"""Key → the option that takes its value."""
_FLAGS = {
    "read_only": "read-only", "init": "init", "privileged": "privileged", "tty": "tty", "stdin_open": "interactive",
    "oom_kill_disable": "oom-kill-disable",
}  # fmt: skip
_LISTS = {
    "cap_add": "cap-add", "cap_drop": "cap-drop", "security_opt": "security-opt", "group_add": "group-add",
    "dns": "dns", "dns_search": "dns-search", "dns_opt": "dns-option", "tmpfs": "tmpfs", "expose": "expose",
    "device_cgroup_rules": "device-cgroup-rule", "volumes_from": "volumes-from",
}  # fmt: skip
_ELSEWHERE = frozenset({
    "image", "command", "entrypoint", "environment", "labels", "networks", "volumes", "healthcheck", "logging",
    "deploy", "stop_grace_period", "depends_on", "configs", "secrets", "scale", "pull_policy", "container_name",
    "profiles", "extra_hosts", "ulimits", "sysctls", "annotations", "devices", "attach",
})  # fmt: skip
_LIMITS = {"cpus": "cpus", "memory": "memory", "pids": "pids-limit"}
_CHECKS = {
    "interval": "interval", "timeout": "timeout", "retries": "retries", "start_period": "start-period",
    "start_interval": "start-interval",
}  # fmt: skip
ONE_OFF = "com.docker.compose.oneoff"
"""Label that tells a one-off from its service's containers."""
_READABLE = re.compile(r"[^\s=#][^\s=]*")
"""Names of variables that docker reads from a file."""


def creation(model: Settings, service: str, name: str, labels: Mapping[str, str], image: str) -> str:
    """The commands that create one container of a service. Raises CheckError for a name that docker can't take."""
    settings = model["services"][service]
    filed, given, options = _environment(settings.get("environment") or {})
    entry, *more = settings.get("entrypoint") or [None]
    every = [
        f"--name {word(name)}",
        *(f"--label {word(f'{key}={value}')}" for key, value in {**(settings.get("labels") or {}), **labels}.items()),
        *_networks(model, settings, service, named=labels.get(ONE_OFF) != "True"),
        *_simple(settings),
        *_volumes(model, settings),
        *_check(settings.get("healthcheck")),
        *_resources(settings.get("deploy") or {}),
        *_special(settings),
        *options,
        *([f"--entrypoint {word(entry)}"] if entry is not None else []),
        *(["--entrypoint ''"] if settings.get("entrypoint") == [] else []),
        " ".join(map(word, (image, *more, *(settings.get("command") or ())))),
    ]
    create = folded(f"{given}docker create", every)
    return "\n".join((*filed, create, 'rm "$files/variables"')) if filed else create


def remarks(service: str, settings: Settings) -> Iterator[str]:
    """What `docker create` can't express, one line each."""
    known = {*_PLAIN, *_FLAGS, *_LISTS, *_ELSEWHERE}
    if unknown := sorted(key for key, value in settings.items() if key not in known and value not in (None, [], {})):
        yield f"{service}: left out, because docker create has no option that is known for it: {', '.join(unknown)}."
    if ((settings.get("deploy") or {}).get("resources") or {}).get("reservations", {}).get("devices"):
        yield f"{service}: its reserved devices are left out."
    if ((settings.get("healthcheck") or {}).get("test") or [""])[0] == "CMD":
        yield f"{service}: its health check runs through the image's /bin/sh, as the command line knows no other way."
    if any(holds_secret(value) for key in ("command", "entrypoint", "labels") for value in _each(settings.get(key))):
        yield f"{service}: a secret is part of its command or labels, so other users here may see it for a moment."


def _each(value: Any) -> list[Any]:  # noqa: ANN401 - a list, a table or nothing
    return list(value.values()) if isinstance(value, Mapping) else list(value or ())


def _environment(variables: Settings) -> tuple[list[str], str, list[str]]:
    """What comes before the command, what stands before it, and its options. No secret is in a command's arguments."""
    secret = {name: value for name, value in variables.items() if holds_secret(value)}
    filed = {name: value for name, value in secret.items() if not assignable(name)}
    if wrong := [name for name in filed if not _READABLE.fullmatch(name)]:
        raise CheckError(
            f"--explain can't pass a secret in a variable that is called {wrong[0]!r}.", hint="change its name"
        )
    # what the shell expands here is private, so it doesn't matter that it assigns one after another
    before = "".join(f"{name}={word(value)} \\\n" for name, value in secret.items() if name not in filed)
    plain = {name: value for name, value in variables.items() if value is not None and name not in filed}
    options = [
        f"--env {name}" if name in secret else f"--env {word(f'{name}={value}')}" for name, value in plain.items()
    ]
    lines = [f"variable {word(name)} {word(value)}" for name, value in filed.items()]
    return lines, before, ['--env-file "$files/variables"', *options] if filed else options


def _networks(model: Settings, settings: Settings, service: str, *, named: bool) -> Iterator[str]:
    """The release's own network, on which its services know each other by name. No name leads to a one-off."""
    networks = settings.get("networks") or {}
    if "default" in networks:
        yield f"--network {word(model['networks']['default']['name'])}"
        for alias in (service, *((networks["default"] or {}).get("aliases") or ())) if named else ():
            yield f"--network-alias {word(alias)}"


def _simple(settings: Settings) -> Iterator[str]:
    for key, option in _PLAIN.items():
        if settings.get(key) not in (None, ""):
            yield f"--{option} {word(settings[key])}"
    for key, option in _FLAGS.items():
        if settings.get(key):
            yield f"--{option}"
    for key, option in _LISTS.items():
        found = settings.get(key) or ()
        yield from (f"--{option} {word(value)}" for value in ([found] if isinstance(found, str) else found))


def _volumes(model: Settings, settings: Settings) -> Iterator[str]:
    for mount in settings.get("volumes") or ():
        kind, target = mount.get("type"), mount["target"]
        readonly = mount.get("read_only")
        if kind == "bind" and (mount.get("bind") or {}).get("create_host_path", True):
            yield f"--volume {word(mount['source'] + ':' + target + (':ro' if readonly else ''))}"
            continue
        parts = [f"type={kind}"]
        if source := mount.get("source"):
            named = (model.get("volumes") or {}).get(source)
            parts.append(f"source={named['name'] if named and kind == 'volume' else source}")
        parts.append(f"target={target}")
        parts += ["readonly"] if readonly else []
        parts += ["volume-nocopy"] if (mount.get("volume") or {}).get("nocopy") else []
        tmpfs = mount.get("tmpfs") or {}
        parts += [f"tmpfs-size={tmpfs['size']}"] if tmpfs.get("size") else []
        parts += [f"tmpfs-mode={int(tmpfs['mode']):o}"] if tmpfs.get("mode") else []
        yield f"--mount {word(','.join(parts))}"


def _check(check: Settings | None) -> Iterator[str]:
    if not check:
        return
    kind, *test = check.get("test") or [""]
    if check.get("disable") or kind == "NONE":
        yield "--no-healthcheck"
        return
    if kind:
        # docker create knows only a command for the shell; Compose's $$ isn't for that shell
        plain = " ".join(test) if kind == "CMD-SHELL" else shlex.join(part.replace("$$", "$") for part in test)
        yield f"--health-cmd {word(plain)}"
    for key, option in _CHECKS.items():
        if check.get(key) is not None:
            yield f"--health-{option} {word(check[key])}"


def _resources(deploy: Settings) -> Iterator[str]:
    resources = deploy.get("resources") or {}
    for key, option in _LIMITS.items():
        if value := (resources.get("limits") or {}).get(key):
            yield f"--{option} {word(value)}"
    if value := (resources.get("reservations") or {}).get("memory"):
        yield f"--memory-reservation {word(value)}"


def _special(settings: Settings) -> Iterator[str]:
    if period := settings.get("stop_grace_period"):
        yield f"--stop-timeout {float(str(seconds(period))):.0f}"
    logging = settings.get("logging") or {}
    if logging.get("driver"):
        yield f"--log-driver {word(logging['driver'])}"
    yield from (f"--log-opt {word(f'{key}={value}')}" for key, value in (logging.get("options") or {}).items())
    hosts = settings.get("extra_hosts") or ()
    listed = hosts.items() if isinstance(hosts, Mapping) else (re.split("[=:]", host, maxsplit=1) for host in hosts)
    yield from (f"--add-host {word(f'{host}:{address}')}" for host, address in listed)
    for name, limit in (settings.get("ulimits") or {}).items():
        value = f"{limit['soft']}:{limit['hard']}" if isinstance(limit, Mapping) else limit
        yield f"--ulimit {word(f'{name}={value}')}"
    for key, option in (("sysctls", "sysctl"), ("annotations", "annotation")):
        yield from (f"--{option} {word(f'{name}={value}')}" for name, value in (settings.get(key) or {}).items())
    for device in settings.get("devices") or ():
        if isinstance(device, Mapping):
            source = device["source"]
            parts = (source, device.get("target") or source, device.get("permissions") or "rwm")
            yield f"--device {word(':'.join(parts))}"
        else:
            yield f"--device {word(device)}"
