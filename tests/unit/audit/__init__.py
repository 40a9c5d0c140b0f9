"""What `nox -s audit` makes of the scanners' reports."""
