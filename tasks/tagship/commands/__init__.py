"""The tasks that people type, and modules that several tasks share. They parse, wire the parts together and print."""
