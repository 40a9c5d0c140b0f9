"""How a database's schema is brought to a release."""
