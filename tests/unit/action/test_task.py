"""Tests of what the action checks before it runs a task."""

import pytest

from action import task, words
from action.errors import ActionError
from tagship.project.schema import Config

ENGINES = ("local", "ssh://deploy@b.example:2222", "ssh://a.example/run/user/1000/docker.sock")


def test_the_hosts_whose_keys_are_needed_are_named_without_user_port_and_socket(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("TAGSHIP_KNOWN_HOSTS", raising=False)
    environments = {f"e{n}": {"engine": engine, "url": "http://x.example"} for n, engine in enumerate(ENGINES)}
    config = Config.model_validate({"app": "shop", "registry": "r.example/shop", "environments": environments})
    call = words.Call(words.Task("status", {"--env": True}, trusts=True), ())

    with pytest.raises(ActionError) as caught:
        task.need_host_keys(config, (call,), "")

    assert "`ssh-keyscan -t ed25519 a.example b.example`" in caught.value.hint
