"""Wrong input at random: whatever comes, Tagship takes it or raises one of its own errors."""

EXAMPLES = "TAGSHIP_FUZZ_EXAMPLES"
"""The variable with the number of inputs of a long run."""
