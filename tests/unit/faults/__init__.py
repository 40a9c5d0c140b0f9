"""The choosing of cases for `nox -s faults`."""
