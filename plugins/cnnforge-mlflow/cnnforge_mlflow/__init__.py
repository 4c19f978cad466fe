"""Logs every run to MLflow, where ``MLFLOW_TRACKING_URI`` names a server or a folder; without it nothing is logged."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import cnnforge

if TYPE_CHECKING:
    import keras

    from cnnforge.running import Run

_ADDRESS = "MLFLOW_TRACKING_URI"


@cnnforge.hookimpl
def cnnforge_callbacks(run: Run) -> Iterator[keras.callbacks.Callback]:
    """Log settings when training starts, and metrics after each epoch.

    The callback is there with or without a server, since a run must be resumed with the callbacks it began with.
    """
    from cnnforge_mlflow.callback import LogEpochs

    yield LogEpochs(run, is_on=bool(os.environ.get(_ADDRESS)))


@cnnforge.hookimpl
def cnnforge_run_ended(run: Run) -> Iterator[str]:
    """Log the evaluation, the report and the model."""
    if os.environ.get(_ADDRESS):
        from cnnforge_mlflow.tracked import log_outcome

        yield log_outcome(run)
