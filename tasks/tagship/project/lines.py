"""Where in tagship.yml a setting stands, for problems that show only beside the Compose file."""

from tagship.project import here
from tagship.project.schema import Config, Environment
from tagship.system import yaml_lines


def where(settings: Config | Environment, *keys: str) -> str:
    """`tagship.yml:LINE: ` of a setting, in its environment or else at the top level; empty if it isn't there."""
    path = here.config_path()
    try:
        node = yaml_lines.read(path.read_text())
    except (OSError, UnicodeDecodeError):
        return ""
    own = ("environments", settings.name) if isinstance(settings, Environment) else ()
    found = [
        (depth - len(before), line) for before in (own, ()) for line, depth in [yaml_lines.line(node, (*before, *keys))]
    ]
    depth, line = max(found, key=lambda at: at[0])
    return f"{path}:{line}: " if depth > 0 else ""
