"""What a deploy takes, measured at the command line beside a script that does only the useful work."""
