"""The engine's calls that Tagship makes, recorded by a proxy that may also refuse all others."""
