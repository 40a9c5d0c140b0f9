"""This machine: programs, temporary folders, signals, threads, the web."""
