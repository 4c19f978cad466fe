from . import components as components
from .arrays import read_arrays as read_arrays, write_arrays as write_arrays
from .building import (
    build_network as build_network,
    compile_model as compile_model,
    compiled_model as compiled_model,
    trained_model as trained_model,
    trains_itself as trains_itself,
)
from .keras_state import own_keras_state as own_keras_state
from .normalization import (
    adapt_normalization as adapt_normalization,
    finalize_constants as finalize_constants,
    unadapted as unadapted,
)
from .predictor import BATCH_SIZE as BATCH_SIZE, Predictor as Predictor, class_probabilities as class_probabilities
from .pretrained import wants_pretrained as wants_pretrained, weights_follow as weights_follow
from .weights import (
    leaves as leaves,
    load_weights as load_weights,
    save_weights as save_weights,
    variable_arrays as variable_arrays,
)
