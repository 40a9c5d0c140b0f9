"""The action itself, run by act on the rig, and GitHub's API as it describes itself."""
