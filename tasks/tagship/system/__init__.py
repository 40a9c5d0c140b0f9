"""This machine: programs, temporary folders, signals, threads, HTTP."""
