"""Finding and isolating plugins, and what they bring by name."""
