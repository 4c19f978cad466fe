from .answers import Ranked as Ranked, answer as answer, rank as rank
from .epoch_measures import (
    EpochMeasures as EpochMeasures,
    best_epoch_figures as best_epoch_figures,
    restored_figures as restored_figures,
)
from .evaluation import (
    most_doubtful as most_doubtful,
    predict_rows as predict_rows,
    worst_mistakes as worst_mistakes,
    write_evaluation as write_evaluation,
)
from .evaluation_dir import EvaluationDir as EvaluationDir
from .intervals import difference_interval as difference_interval, mean_interval as mean_interval
from .measure_table import (
    MEASURES as MEASURES,
    asked_measures as asked_measures,
    measure_specs as measure_specs,
    take as take,
)
from .measures import measure as measure
from .pictures import (
    heatmaps as heatmaps,
    overlay as overlay,
    to_picture as to_picture,
    transparent as transparent,
)
from .predictions import Predictions as Predictions, read_predictions as read_predictions
