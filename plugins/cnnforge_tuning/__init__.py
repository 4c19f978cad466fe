"""Searching better settings with Keras Tuner: the command ``tune`` and the executor ``local``."""

from cnnforge_tuning.local import cnnforge_executors

__all__ = ["cnnforge_executors"]
