"""Runs: the run itself, its directory, its checkpoints, and what becomes of it later."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
