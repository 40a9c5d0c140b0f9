"""How commands are tested: through the namespace, with only `services` patched."""
