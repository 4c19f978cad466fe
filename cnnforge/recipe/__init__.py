"""The recipe: the complete description of a run, and everything that its names stand for."""
