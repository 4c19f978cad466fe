from .display import Display as Display
from .extras import (
    check as check,
    compare as compare,
    open_data as open_data,
    reproduce as reproduce,
    tune as tune,
)
from .session import (
    Settings as Settings,
    changes as changes,
    load_trained as load_trained,
    registry as registry,
    resolve_recipe as resolve_recipe,
)
from .terminal import (
    LogReporter as LogReporter,
    PlainStream as PlainStream,
    TerminalReporter as TerminalReporter,
    default_reporter as default_reporter,
    raw_stream as raw_stream,
    terminal_reporter as terminal_reporter,
)
from .trained import Run as Run, load as load, runs as runs
from .training import prepare_run as prepare_run, run as run
