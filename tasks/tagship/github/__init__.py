"""GitHub: its API, the protection of environments, deployments, and the starter workflows."""
