"""The images of a commit: built, pushed, found by digest."""
