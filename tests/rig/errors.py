"""The one error the rig raises: what could not be started, and what would help."""


class RigError(Exception):
    """A part of the rig could not be started, or this machine can't hold one."""


class MissingError(RigError):
    """This machine lacks a program that one part needs; the rest of the rig can do without."""
