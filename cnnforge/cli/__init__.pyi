from .common import (
    HEAVY as HEAVY,
    echo_json as echo_json,
)
from .completion import (
    complete_data_sources as complete_data_sources,
    complete_export_formats as complete_export_formats,
    complete_runs as complete_runs,
)
from .console import main as main
from .options import (
    ArchitectureOption as ArchitectureOption,
    DataOption as DataOption,
    RecipeArgument as RecipeArgument,
    RunArgument as RunArgument,
    SettingsOption as SettingsOption,
)
from .runs import accuracy_text as accuracy_text, megabytes_text as megabytes_text
from .table import render as render, wrap as wrap
