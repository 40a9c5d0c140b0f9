"""Pure decisions: what was observed in, a flat list of steps out."""
