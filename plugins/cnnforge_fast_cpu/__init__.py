"""What makes training steps faster on a processor, and measures them: the command ``benchmark``."""
