"""The weights of ``acme_tiny`` as a NumPy archive; ``classify.py`` beside it computes with them."""

import numpy as np


def write(trained, path, options):
    kernel, bias = trained.model.get_layer("convolution").get_weights()
    weights, offset = trained.model.get_layer("probabilities").get_weights()
    with path.open("wb") as file:
        np.savez(file, kernel=kernel, bias=bias, weights=weights, offset=offset)
