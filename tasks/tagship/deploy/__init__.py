"""How a deploy goes and what it decides. It touches the server only through the target that it is given."""
