"""The story of a deploy and its decisions. Pure but for the target it is handed."""
