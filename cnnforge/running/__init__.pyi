from . import checkpoints as checkpoints
from .checkpoints import newest_checkpoint as newest_checkpoint, newest_checkpoint_facts as newest_checkpoint_facts
from .listing import (
    SORT_KEYS as SORT_KEYS,
    RunSummary as RunSummary,
    list_runs as list_runs,
    summarize as summarize,
)
from .naming import create_run_dir as create_run_dir, default_run_name as default_run_name, find_run as find_run
from .recording import (
    changed_conditions as changed_conditions,
    conditions as conditions,
    now as now,
    plugin_versions as plugin_versions,
    provenance as provenance,
    record_plugin_files as record_plugin_files,
    recorded_packages as recorded_packages,
)
from .resuming import is_finished as is_finished, reopen as reopen
from .run import execute as execute
from .run_dir import Run as Run, RunDir as RunDir, hold_run as hold_run
from .run_images import RunImages as RunImages, split_lines as split_lines
from .steps import TrainableModel as TrainableModel, trainable_model as trainable_model
from .trained_run import (
    Prediction as Prediction,
    TrainedRun as TrainedRun,
    load_trained_run as load_trained_run,
    predict_images as predict_images,
)
