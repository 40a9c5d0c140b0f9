"""The demo: the example application shipped for real, under load, to two servers of the rig."""
