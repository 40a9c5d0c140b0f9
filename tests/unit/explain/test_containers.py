"""What `docker create` is told of a service."""

from typing import Any

import pytest

from tagship.errors import CheckError
from tagship.explain.containers import creation, remarks
from tagship.explain.words import variable, word


def created(**settings: Any) -> str:  # noqa: ANN401 - any setting of a service
    """The command for a service with these settings, on one line."""
    model = {"services": {"web": settings}, "volumes": {"data": {"name": "shop_data"}}}
    return creation(model, "web", "web-1", {}, "IMAGE").replace(" \\\n  ", " ")


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        ({"user": "1000:1000", "read_only": True, "cap_drop": ["ALL"]}, "--user 1000:1000 --read-only --cap-drop ALL"),
        ({"volumes": [{"type": "volume", "source": "data", "target": "/d", "read_only": True}]},
         "--mount type=volume,source=shop_data,target=/d,readonly"),
        ({"volumes": [{"type": "bind", "source": "/etc/x", "target": "/x"}]}, "--volume /etc/x:/x"),
        ({"volumes": [{"type": "tmpfs", "target": "/t", "tmpfs": {"size": "10"}}]},
         "--mount type=tmpfs,target=/t,tmpfs-size=10"),
        ({"healthcheck": {"test": ["CMD-SHELL", "test $$A"], "interval": "2s"}},
         "--health-cmd 'test $A' --health-interval 2s"),
        ({"healthcheck": {"test": ["CMD", "is", "a b"]}}, """--health-cmd 'is '"'"'a b'"'"''"""),
        ({"healthcheck": {"disable": True}}, "--no-healthcheck"),
        ({"deploy": {"resources": {"limits": {"cpus": 0.5, "memory": "1000"}}}}, "--cpus 0.5 --memory 1000"),
        ({"stop_grace_period": "1m0s"}, "--stop-timeout 60"),
        ({"logging": {"driver": "local", "options": {"max-size": "1m"}}}, "--log-driver local --log-opt max-size=1m"),
        ({"extra_hosts": ["a=10.0.0.1"]}, "--add-host a:10.0.0.1"),
        ({"ulimits": {"nofile": {"soft": 1, "hard": 2}, "nproc": 3}}, "--ulimit nofile=1:2 --ulimit nproc=3"),
        ({"sysctls": {"net.core.somaxconn": "9"}}, "--sysctl net.core.somaxconn=9"),
        ({"devices": [{"source": "/dev/a", "target": "/dev/b", "permissions": "r"}]}, "--device /dev/a:/dev/b:r"),
        ({"devices": ["/dev/a:/dev/b"], "extra_hosts": ["a:::1"]}, "--add-host a:::1 --device /dev/a:/dev/b"),
        ({"entrypoint": ["/run.sh", "now"], "command": ["a b"]}, "--entrypoint /run.sh IMAGE now 'a b'"),
        ({"entrypoint": []}, "--entrypoint '' IMAGE"),
    ],
)  # fmt: skip
def test_each_setting_has_its_option(settings: dict[str, Any], options: str) -> None:
    assert options in created(**settings)


def test_what_it_can_not_express_is_said() -> None:
    said = " ".join(remarks("web", {"gpus": "all", "credential_spec": None, "healthcheck": {"test": ["CMD", "x"]}}))

    assert "left out, because docker create has no option that is known for it: gpus." in said
    assert "/bin/sh" in said


def test_a_secret_in_a_variable_that_docker_can_not_take_is_refused() -> None:
    with pytest.raises(CheckError, match="variable that is called 'a b'"):
        created(environment={"a b": "⟦KEY⟧"})


@pytest.mark.parametrize(
    ("secret", "name"), [("a-b", "a_b"), ("2fa", "_2fa"), ("PATH", "_PATH"), ("LDAP_DN", "LDAP_DN")]
)
def test_a_secret_has_a_variable_that_means_nothing_else(secret: str, name: str) -> None:
    assert variable(secret) == name


def test_a_secret_is_a_variable_of_the_shell_wherever_it_stands() -> None:
    assert word("it's ⟦A/b⟧ $$5") == """'it'"'"'s '"$secret_A_b"' $5'"""
    assert word("") == "''"
