"""How the frameworks list and apply database migrations."""
