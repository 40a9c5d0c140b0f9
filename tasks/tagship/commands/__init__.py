"""What people type: parse, wire, print; nothing else."""
