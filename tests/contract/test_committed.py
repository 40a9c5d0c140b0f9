"""The search for committed secrets, by kingfisher itself."""

import secrets
import string
from pathlib import Path

from tagship.checks import committed
from tagship.checks.running import Running
from tagship.project.schema import SecretScan
from tests.fakes.repositories import Repository


def key() -> str:
    """Looks like a live key of Stripe; made here, so that it is in no history but the test's."""
    return "sk_" + "live_" + "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(32))


def test_a_key_in_the_history_is_found_until_the_baseline_accepts_it_and_never_shown(tmp_path: Path) -> None:
    repository = Repository(tmp_path)
    planted, ignored = key(), key()
    repository.write("settings.py", f'STRIPE_KEY = "{planted}"\n')
    repository.write(".gitignore", ".env.secret\n")
    planted_in = repository.commit()
    repository.write("settings.py", "import os\n")
    repository.write(".env.secret", f"STRIPE_KEY={ignored}\n")
    repository.commit()
    repository.write("untracked.py", f'STRIPE_KEY = "{ignored}"\n')

    found = committed.search(SecretScan(), repository.folder, Running())
    number = found.output.split()[0]
    repository.write(".secrets-baseline", f"# the key of a closed account\n{number} settings.py\n")
    accepted = committed.search(SecretScan(), repository.folder, Running())
    excluded = committed.search(SecretScan(exclude=("*.py",), baseline="none"), repository.folder, Running())

    assert found.problem == "one secret in the history", found.output
    assert f"settings.py:1  stripe-access-token  {planted_in[:8]}" in found.output
    assert planted not in found.output
    assert (accepted.problem, excluded.problem) == ("", "")
