"""Two runs beside each other: the commands ``compare`` and ``reproduce``."""
