"""What Python users call: runs, their results, studies and data; the command line parses, calls this, and prints."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
