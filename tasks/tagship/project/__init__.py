"""tagship.yml: its schema, its file, and the project's folder."""
