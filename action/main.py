"""The action's entry point: `python -I action/main.py`, with inputs in INPUT_… variables."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # -I leaves the script's own folder out

from action.job import main

if __name__ == "__main__":
    sys.exit(main())
