"""A trained network over HTTP: the command ``serve``."""
