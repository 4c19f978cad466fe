from .deferred import import_deferred as import_deferred
from .hookspecs import hookimpl as hookimpl
from .marks import (
    Choice as Choice,
    EachInt as EachInt,
    FloatRange as FloatRange,
    IntRange as IntRange,
    SearchSpace as SearchSpace,
    Tune as Tune,
)
from .plugin_host import ENTRY_POINT_GROUP as ENTRY_POINT_GROUP, PluginHost as PluginHost, PluginInfo as PluginInfo
from .process_state import kept as kept, watched as watched
from .registry import Catalogue as Catalogue, Entry as Entry, Registry as Registry
from .specs import (
    API_VERSION as API_VERSION,
    NAME_PATTERN as NAME_PATTERN,
    ArchitectureSpec as ArchitectureSpec,
    DataSourceSpec as DataSourceSpec,
    ExecutorSpec as ExecutorSpec,
    Options as Options,
    RecipeSpec as RecipeSpec,
    Spec as Spec,
    search_space as search_space,
)
