from . import files as files
from .backend import (
    captured_stderr as captured_stderr,
    import_keras as import_keras,
    process_position as process_position,
)
from .difference import differences as differences, refuse_differences as refuse_differences
from .files import (
    PathInside as PathInside,
    cache_dir as cache_dir,
    data_dir as data_dir,
    expanded as expanded,
    read_lines as read_lines,
    storage_errors as storage_errors,
)
from .interrupt import Interrupt as Interrupt
from .plain_text import (
    from_spreadsheet_cell as from_spreadsheet_cell,
    one_line as one_line,
    plain as plain,
    spreadsheet_cell as spreadsheet_cell,
)
from .processes import (
    attempt as attempt,
    call_elsewhere as call_elsewhere,
    ending as ending,
    peak_memory_bytes as peak_memory_bytes,
)
from .processors import cpu_flags as cpu_flags, cpu_model as cpu_model, num_processors as num_processors
from .reporter import DownloadProgress as DownloadProgress, Reporter as Reporter
