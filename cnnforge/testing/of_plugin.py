"""The test module that ``pytest --cnnforge-plugin ID`` collects: a contract for each thing that the plugin brings."""

from __future__ import annotations

from typing import Any

from cnnforge.host import ArchitectureSpec
from cnnforge.testing import ArchitectureContract, DataSourceContract
from cnnforge.testing.pytest_plugin import requested


def contract_of(spec: Any) -> type:
    """Return a test class for one spec."""
    contract = ArchitectureContract if isinstance(spec, ArchitectureSpec) else DataSourceContract
    return type(f"Test {spec.kind} {spec.name}".replace(" ", "_"), (contract,), {"spec": spec})


globals().update({contract.__name__: contract for contract in map(contract_of, requested)})
