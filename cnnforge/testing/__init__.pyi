from . import plugin_checks as plugin_checks
from .architecture import ArchitectureContract as ArchitectureContract
from .augmentation import AugmentationContract as AugmentationContract
from .data_source import DataSourceContract as DataSourceContract
from .failure import fail as fail
from .images import COLORS as COLORS
from .measure import MeasureContract as MeasureContract
from .network import UNDER_TEST as UNDER_TEST, Network as Network, lesson as lesson, outputs_of as outputs_of
from .plugin import PluginContract as PluginContract
from .report_section import ReportSectionContract as ReportSectionContract
