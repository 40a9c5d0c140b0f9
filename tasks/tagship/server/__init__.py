"""One server: SSH, Docker, Caddy. Carries out what `deploy` plans."""
