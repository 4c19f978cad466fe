"""The test module that ``pytest --cnnforge-plugin ID`` collects: a contract for each thing that the plugin brings."""

from __future__ import annotations

from typing import Any

from cnnforge.host import ArchitectureSpec, DataSourceSpec, Spec
from cnnforge.testing.architecture import ArchitectureContract
from cnnforge.testing.data_source import DataSourceContract
from cnnforge.testing.plugin import PluginContract
from cnnforge.testing.pytest_plugin import requested

CONTRACTS: dict[type[Spec], type[PluginContract]] = {
    ArchitectureSpec: ArchitectureContract,
    DataSourceSpec: DataSourceContract,
}
"""The contract of each kind; the others keep what every plugin must."""


def contract_of(spec: Any) -> type:
    """Return a test class for one spec."""
    contract = CONTRACTS.get(type(spec), PluginContract)
    return type(f"Test {spec.kind} {spec.name}".replace(" ", "_"), (contract,), {"spec": spec})


globals().update({contract.__name__: contract for contract in map(contract_of, requested)})
