"""One server: SSH, Docker, Caddy. Executes what `deploy` plans."""
