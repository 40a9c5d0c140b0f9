"""The images of a commit: building, pushing, and looking up digests."""
