"""For the tests of plugins: what everything that a plugin brings must keep, to subclass.

::

    class TestAcmeNet(ArchitectureContract):
        spec = acme_net.ARCHITECTURE

A check that fails says in a sentence what to do. ``pytest --cnnforge-plugin ID`` runs the contracts of an installed
plugin without any test code, and the fixtures ``plugin_host``, ``tiny_images`` and ``cli`` are there wherever CNNForge
is installed (``cnnforge/testing/pytest_plugin.py``).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
