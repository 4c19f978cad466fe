"""What every room stands on: files, caches, signals, processes, processors, the Keras backend."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
