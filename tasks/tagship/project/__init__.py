"""tagship.yml: its schema, its file, its folder."""
