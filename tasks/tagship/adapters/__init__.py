"""What Tagship touches: engines, servers, registries, programs."""
