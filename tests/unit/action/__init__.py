"""The action's own modules, without a runner."""
