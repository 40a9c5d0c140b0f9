"""The version, once: the build reads it from here, and nothing asks the installed metadata, which takes 0.05 s."""

VERSION = "0.1.0"
