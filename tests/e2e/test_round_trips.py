"""No round trip is added unseen: what a deploy and a rollback ask of the engine is what docs/benchmarks.md lists."""

from tests.bench.listed import AGAIN, Stepped, differences, parsed
from tests.bench.recording import recording
from tests.bench.stepping import COMMANDS, stepped
from tests.bench.trips import PAGE
from tests.hello import Hello


def test_a_deploy_and_a_rollback_make_the_calls_that_are_listed(hello: Hello) -> None:
    hello.commit()
    hello.ship("host1")
    runs: dict[str, list[list[Stepped]]] = {command: [] for command in COMMANDS}

    with recording(hello.rig.hosts[0]) as seen:
        for _ in range(2):
            hello.commit()
            for command, task in COMMANDS.items():
                runs[command].append(stepped(hello, "host1", hello.rig.hosts[0], seen, task))

    listed = parsed(PAGE.read_text())
    found = [f"{command}: {line}" for command, each in runs.items() for line in differences(listed[command], each)]
    assert not found, "\n".join([*found, AGAIN])
