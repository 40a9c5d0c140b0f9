"""Where backups are kept: S3, another server, or a folder."""
