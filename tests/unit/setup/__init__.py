"""What `init` and `doctor` find out."""
