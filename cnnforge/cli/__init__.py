"""The command line: one module a command, none of which imports Keras, TensorFlow or NumPy before it must."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
