"""Evaluation: predictions, and everything that is measured of them."""
