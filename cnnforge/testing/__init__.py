"""For the tests of plugins: what every architecture and every data source must keep, to subclass.

::

    class TestAcmeNet(ArchitectureContract):
        spec = acme_net.ARCHITECTURE

A check that fails says in a sentence what to do. ``pytest --cnnforge-plugin ID`` runs the contracts of an installed
plugin without any test code, and the fixtures ``plugin_host``, ``tiny_images`` and ``cli`` are there wherever CNNForge
is installed (``cnnforge/testing/pytest_plugin.py``).
"""

from __future__ import annotations

from cnnforge.testing.architecture import ArchitectureContract
from cnnforge.testing.data_source import DataSourceContract

__all__ = ["ArchitectureContract", "DataSourceContract"]
