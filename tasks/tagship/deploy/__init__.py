"""How a deploy goes and what it decides. It touches the outside world only through the target that it is given."""
