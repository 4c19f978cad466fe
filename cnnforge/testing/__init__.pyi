from . import plugin_checks as plugin_checks
from .architecture import ArchitectureContract as ArchitectureContract
from .data_source import DataSourceContract as DataSourceContract
