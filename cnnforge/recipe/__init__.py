"""The recipe: the complete description of a run, and everything that its names stand for."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
