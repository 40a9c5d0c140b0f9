"""What ssh's own log says about a connection that failed. The logs are OpenSSH 9.2's."""

from tagship.setup import ssh_way
from tagship.setup.report import Check, Mark
from tagship.setup.ssh_way import Way

ENGINE = "ssh://deploy@shop.example"
KNOWN = "debug1: Server host key: ssh-ed25519 SHA256:hhh\ndebug1: Host 'shop.example' is known and matches.\n"
OFFERED = "debug1: Offering public key: /home/me/.ssh/id_ed25519 ED25519 SHA256:kkk explicit\n"
REFUSED = "debug1: Authentications that can continue: publickey\n"


def told(log: str, facts: str = "") -> dict[str, Check]:
    """Name → check."""
    return {check.name: check for check in ssh_way.checks(ENGINE, Way(log, facts))}


def test_the_key_that_was_refused_is_named_and_where_it_would_have_to_be() -> None:
    found = told(f"{KNOWN}{REFUSED}{OFFERED}{REFUSED}deploy@shop.example: Permission denied (publickey).\n")

    assert found["host key"].mark is Mark.GOOD
    assert found["ssh"].text == (
        "The server refused /home/me/.ssh/id_ed25519 (ED25519 SHA256:kkk) for deploy; it takes publickey."
    )
    assert "~deploy/.ssh/authorized_keys" in found["ssh"].todo


def test_no_key_at_all_is_something_else_than_a_refused_one() -> None:
    assert "has no key to offer" in told(f"{KNOWN}{REFUSED}")["ssh"].text


def test_the_accepted_key_is_named() -> None:
    accepted = "debug1: Server accepts key: /k ED25519 SHA256:kkk explicit\nAuthenticated to shop.example\n"

    assert told(KNOWN + OFFERED + accepted)["ssh"] == Check("ssh", Mark.GOOD, "deploy logs in with /k")


def test_an_unknown_host_key_is_shown_to_be_compared() -> None:
    log = "debug1: Server host key: ssh-ed25519 SHA256:hhh\nHost key verification failed.\n"

    assert list(told(log)) == ["host key"]
    assert "ssh-ed25519 SHA256:hhh" in told(log)["host key"].text


def test_a_changed_host_key_is_told_with_the_line_that_has_the_old_one() -> None:
    log = "debug1: Server host key: ssh-ed25519 SHA256:new\n@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\n"
    log += "Offending ED25519 key in /home/me/.ssh/known_hosts:7\nHost key verification failed.\n"

    assert "/home/me/.ssh/known_hosts, line 7" in told(log)["host key"].text
    assert "ssh-keygen -R shop.example" in told(log)["host key"].todo


def test_a_host_that_is_not_reached_is_one_line() -> None:
    log = "ssh: Could not resolve hostname shop.example: Name or service not known\n"

    assert [check.mark for check in told(log).values()] == [Mark.BAD]


def test_what_the_server_says_of_itself_is_read() -> None:
    facts = "/dev/sda1 100 50 2048 50% /\n\nMemAvailable:    4096 kB\n\n"
    way = Way("", facts)

    assert (way.disk_free, way.memory_free) == (2048 * 1024, 4096 * 1024)
    assert (Way("").disk_free, Way("").memory_free) == (None, None)
