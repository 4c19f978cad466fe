"""Handing a trained network to other programs: the command ``export`` and its formats."""
