from .backbone import run_backbone_once as run_backbone_once, split_at as split_at
from .callback_state import capture_callbacks as capture_callbacks, restore_callbacks as restore_callbacks
from .callbacks import (
    BestWeights as BestWeights,
    CallbacksFrom as CallbacksFrom,
    MetricsLog as MetricsLog,
    ShowProgress as ShowProgress,
    StopOnDivergence as StopOnDivergence,
    skip_steps as skip_steps,
    with_averages as with_averages,
)
from .failures import explain_lost_device as explain_lost_device, explain_memory_errors as explain_memory_errors
from .feeds import make_feeds as make_feeds, write_augmentation_sheet as write_augmentation_sheet
from .phase import Phase as Phase, let_backbone_learn as let_backbone_learn, phases as phases
from .precision import (
    FLOAT32 as FLOAT32,
    Precision as Precision,
    choose_precision as choose_precision,
    has_bfloat16 as has_bfloat16,
    precision_setting as precision_setting,
)
