"""What is run to see whether something is well: suites, smoke tests."""
