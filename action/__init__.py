"""The GitHub Action: it reads inputs, runs the same tasks as at the shell, and writes outputs and a summary.

The parent process (main.py) needs only Python's standard library; the tasks run in a child process (task.py), in an
environment made from action/requirements.txt.
"""
