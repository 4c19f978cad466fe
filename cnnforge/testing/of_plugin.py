"""The test module that ``pytest --cnnforge-plugin ID`` collects: a contract for each thing that the plugin brings.

The contract of a kind is an entry point of the group ``cnnforge.contracts`` with the kind's name, such as
``data-source``, since some are brought by the built-in plugin that uses the kind; what a plugin asks besides of a kind
has a name such as ``architecture.export``. Other kinds keep what every plugin must.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

from cnnforge.testing.plugin import PluginContract
from cnnforge.testing.pytest_plugin import requested


def contract_of(spec: Any) -> type:
    """Return a test class for one spec."""
    kind = spec.kind.replace(" ", "-")
    points = {point.name: point for point in entry_points(group="cnnforge.contracts")}
    contracts = [point.load() for name, point in sorted(points.items()) if name.partition(".")[0] == kind]
    name = f"Test_{spec.kind}_{spec.name}".replace(" ", "_").replace("-", "_")
    return type(name, tuple(contracts or [PluginContract]), {"spec": spec})


globals().update({contract.__name__: contract for contract in map(contract_of, requested)})
