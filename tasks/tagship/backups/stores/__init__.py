"""Where backups are kept: S3, a folder on another server, a folder on this machine."""

from tagship.backups.store import Store
from tagship.errors import ConfigError, ToolError


def open_store(url: str) -> Store:
    """The store that a URL means. Connects to nothing yet. Raises ConfigError, or ToolError without boto3."""
    scheme = url.partition("://")[0]
    if scheme == "s3":
        try:
            from tagship.backups.stores import s3  # noqa: PLC0415 - boto3 takes half a second
        except ModuleNotFoundError as error:
            raise ToolError(f"{error.name} is not installed.", hint="run pip install 'tagship[backups]'") from None
        return s3.S3(url)
    if scheme == "ssh":
        from tagship.backups.stores import ssh  # noqa: PLC0415 - only the store in use

        return ssh.Ssh(url)
    if scheme == "file":
        from tagship.backups.stores import folder  # noqa: PLC0415 - only the store in use

        return folder.Folder(url)
    raise ConfigError(f"{url!r} is no store for backups.", hint="write s3://…, ssh://… or file:///…")
