"""Stand-ins and builders that tests of several kinds lean on."""
