"""The ledger: what was done to an environment, in a hash chain."""
