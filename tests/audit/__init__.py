"""`nox -s audit`: known vulnerabilities in what Tagship needs, and the list of all that the action installs."""
