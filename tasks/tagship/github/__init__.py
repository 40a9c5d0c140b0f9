"""GitHub: its API, the protection of environments, deployments, and the workflows an app starts with."""
