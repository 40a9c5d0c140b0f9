"""A plan as a shell script of plain docker commands, for the day when Tagship itself can't run."""
