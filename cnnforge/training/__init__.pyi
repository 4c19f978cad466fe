from . import callbacks as callbacks, precision as precision
from .augmentation_sheet import write_sheet as write_sheet
from .averages import with_averages as with_averages
from .backbone import run_backbone_once as run_backbone_once, split_at as split_at
from .callback_state import capture_callbacks as capture_callbacks, restore_callbacks as restore_callbacks
from .callbacks import BestWeights as BestWeights
from .feeds import make_feeds as make_feeds
from .lost_device import explain_lost_device as explain_lost_device
from .memory import explain_memory_errors as explain_memory_errors
from .peak_memory import peak_memory_bytes as peak_memory_bytes
from .phase import Phase as Phase, let_backbone_learn as let_backbone_learn, phases as phases
from .precision import choose_precision as choose_precision, precision_setting as precision_setting
from .rest_of_epoch import CallbacksFrom as CallbacksFrom, skip_steps as skip_steps
