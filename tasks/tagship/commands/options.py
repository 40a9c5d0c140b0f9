"""How every task is declared, and what its common options say."""

from functools import partial

from invoke.tasks import task as _task

# -d would be --dirty here and --dry-run there: options are spelt out. Every one has a default, or Invoke would take it
# for positional, and `deploy --help` for the environment "--help".
task = partial(_task, auto_shortflags=False)

ENV = "Which environment of tagship.yml; must be named."
JSON = "Print the result as JSON."
DRY_RUN = "Print the plan and change nothing."
WAIT = "Seconds to wait for somebody else's deploy to end."
DIRTY = "Take the uncommitted tree, tagged SHA-dirty-HASH; refused where releases are promoted or approved."
