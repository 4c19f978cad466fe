"""A search algorithm, and a place where trials run."""

from concurrent.futures import ThreadPoolExecutor

import keras_tuner


def oracle(*, objective, hyperparameters, seed, epochs):
    return keras_tuner.oracles.RandomSearchOracle(
        objective=objective,
        hyperparameters=hyperparameters,
        seed=seed,
        max_trials=None,
        allow_new_entries=False,
        tune_new_entries=False,
    )


def start(options, *, directory):
    return ThreadPoolExecutor(1)
