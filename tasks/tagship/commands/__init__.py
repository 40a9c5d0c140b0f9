"""The tasks that people type. They parse, wire the parts together and print."""
