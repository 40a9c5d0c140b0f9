"""One server: its SSH connection, its lock, its containers. Executes what `deploy` plans."""
