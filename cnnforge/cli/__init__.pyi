from . import common as common
from .common import (
    HEAVY as HEAVY,
    echo_json as echo_json,
    load_trained as load_trained,
    registry as registry,
    resolve_recipe as resolve_recipe,
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
from .run import run_command as run_command
from .runs import accuracy_text as accuracy_text, megabytes_text as megabytes_text
from .table import render as render, wrap as wrap
from .terminal import (
    LogReporter as LogReporter,
    TerminalReporter as TerminalReporter,
    raw_stream as raw_stream,
    terminal_reporter as terminal_reporter,
)
