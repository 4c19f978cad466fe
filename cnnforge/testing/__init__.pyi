from . import plugin_checks as plugin_checks
from .architecture import ArchitectureContract as ArchitectureContract
from .augmentation import AugmentationContract as AugmentationContract
from .data_source import DataSourceContract as DataSourceContract
from .executor import ExecutorContract as ExecutorContract
from .explainer import ExplainerContract as ExplainerContract
from .export_format import ExportFormatContract as ExportFormatContract
from .failure import fail as fail
from .measure import MeasureContract as MeasureContract
from .plugin import PluginContract as PluginContract
from .report_section import ReportSectionContract as ReportSectionContract
from .run import tiny_run as tiny_run, untrained_run as untrained_run
