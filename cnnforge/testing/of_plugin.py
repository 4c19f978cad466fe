"""The test module that ``pytest --cnnforge-plugin ID`` collects: a contract for each thing that the plugin brings."""

from __future__ import annotations

from typing import Any

from cnnforge.host import (
    ArchitectureSpec,
    AugmentationSpec,
    DataSourceSpec,
    ExecutorSpec,
    ExplainerSpec,
    ExportFormatSpec,
    MeasureSpec,
    ReportSectionSpec,
    Spec,
)
from cnnforge.testing.architecture import ArchitectureContract
from cnnforge.testing.augmentation import AugmentationContract
from cnnforge.testing.data_source import DataSourceContract
from cnnforge.testing.executor import ExecutorContract
from cnnforge.testing.explainer import ExplainerContract
from cnnforge.testing.export_format import ExportFormatContract
from cnnforge.testing.measure import MeasureContract
from cnnforge.testing.plugin import PluginContract
from cnnforge.testing.pytest_plugin import requested
from cnnforge.testing.report_section import ReportSectionContract

CONTRACTS: dict[type[Spec], type[PluginContract]] = {
    ArchitectureSpec: ArchitectureContract,
    DataSourceSpec: DataSourceContract,
    ExplainerSpec: ExplainerContract,
    ExportFormatSpec: ExportFormatContract,
    AugmentationSpec: AugmentationContract,
    ExecutorSpec: ExecutorContract,
    MeasureSpec: MeasureContract,
    ReportSectionSpec: ReportSectionContract,
}
"""The contract of each kind; the others keep what every plugin must."""


def contract_of(spec: Any) -> type:
    """Return a test class for one spec."""
    contract = CONTRACTS.get(type(spec), PluginContract)
    name = f"Test_{spec.kind}_{spec.name}".replace(" ", "_").replace("-", "_")
    return type(name, (contract,), {"spec": spec})


globals().update({contract.__name__: contract for contract in map(contract_of, requested)})
