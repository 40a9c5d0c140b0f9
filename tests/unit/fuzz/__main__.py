"""A long run, `nox -s fuzz -- --examples 5000 --seed 7`: prints the seed, with which the run can be repeated."""

import argparse
import os
import random
import sys
from pathlib import Path

import pytest

from tests.unit.fuzz import EXAMPLES


def main() -> int:
    """Run every test of this folder; pytest's exit code."""
    parser = argparse.ArgumentParser(prog="nox -s fuzz --")
    parser.add_argument("--examples", type=int, default=2000, help="inputs for each test")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))  # noqa: S311 - no secret
    parser.add_argument("--only", default="", help="a part of a test's name")
    given = parser.parse_args()
    os.environ[EXAMPLES] = str(given.examples)
    print(f"{given.examples} inputs for each test, --seed {given.seed}", flush=True)  # noqa: T201 - it is a program
    only = ("-k", given.only) if given.only else ()
    return int(pytest.main([str(Path(__file__).parent), f"--hypothesis-seed={given.seed}", "-x", "-v", *only]))


if __name__ == "__main__":
    sys.exit(main())
