"""Where backups are kept: S3, a folder on another server, a folder on this machine."""

from tagship.backups.store import Store
from tagship.errors import ConfigError


def open_store(url: str) -> Store:
    """The store that a URL means. Connects to nothing yet. Raises ConfigError."""
    scheme = url.partition("://")[0]
    if scheme == "s3":
        from tagship.backups.stores import s3  # noqa: PLC0415 - boto3 takes half a second

        return s3.S3(url)
    if scheme == "ssh":
        from tagship.backups.stores import ssh  # noqa: PLC0415 - only the store in use

        return ssh.Ssh(url)
    if scheme == "file":
        from tagship.backups.stores import folder  # noqa: PLC0415 - only the store in use

        return folder.Folder(url)
    raise ConfigError(f"{url!r} is no store for backups.", hint="write s3://…, ssh://… or file:///…")
