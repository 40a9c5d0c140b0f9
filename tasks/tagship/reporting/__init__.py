"""What people and machines get to see: progress, tables, events, Tagship's own telemetry; no secrets."""
