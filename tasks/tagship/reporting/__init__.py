"""What people and machines see: progress, tables, events, and Tagship's own telemetry. Secrets are redacted."""
