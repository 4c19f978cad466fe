"""Labelled images: reading photographs where they lie, in folders and zip archives."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
