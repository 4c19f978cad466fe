from .hookspecs import hookimpl as hookimpl
from .kinds import (
    KINDS as KINDS,
    ArchitectureSpec as ArchitectureSpec,
    AugmentationSpec as AugmentationSpec,
    CommandSpec as CommandSpec,
    DataSourceSpec as DataSourceSpec,
    ExecutorSpec as ExecutorSpec,
    ExplainerSpec as ExplainerSpec,
    ExportFormatSpec as ExportFormatSpec,
    MeasureSpec as MeasureSpec,
    RecipeSpec as RecipeSpec,
    ReportSectionSpec as ReportSectionSpec,
    SearchAlgorithmSpec as SearchAlgorithmSpec,
    SettingsSpec as SettingsSpec,
)
from .marks import (
    Choice as Choice,
    EachInt as EachInt,
    FloatRange as FloatRange,
    IntRange as IntRange,
    SearchSpace as SearchSpace,
    Tune as Tune,
)
from .plugin_host import (
    ENTRY_POINT_GROUP as ENTRY_POINT_GROUP,
    FILES_SWITCH as FILES_SWITCH,
    PluginHost as PluginHost,
    PluginInfo as PluginInfo,
    plugin_file as plugin_file,
)
from .registry import CORE as CORE, Catalogue as Catalogue, Entry as Entry, Registry as Registry
from .specs import (
    API_VERSION as API_VERSION,
    NAME_PATTERN as NAME_PATTERN,
    Options as Options,
    Spec as Spec,
    import_deferred as import_deferred,
    read_resource as read_resource,
    search_space as search_space,
)
