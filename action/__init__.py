"""What the GitHub Action runs: inputs in, the same tasks as at the shell, outputs and a summary out.

The parent process (main.py) needs nothing but Python's standard library; the tasks run in a child of it (task.py), in
an environment made from action/requirements.txt.
"""
