"""The callback that logs while a run trains."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import keras

if TYPE_CHECKING:
    from cnnforge.running import Run
    from cnnforge_mlflow.tracked import Tracked


class LogEpochs(keras.callbacks.Callback):  # type: ignore[misc]
    """Logs the settings when training starts and the metrics after each epoch.

    A server that does not answer costs a line on standard error and the live curves, never the run.

    Args:
        run: The run.
        is_on: Whether there is a server to log to.
    """

    def __init__(self, run: Run, *, is_on: bool) -> None:
        super().__init__()
        self._run = run
        self._is_on = is_on
        self._tracked: Tracked | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Find or make MLflow's run."""
        if self._is_on:
            self._attempt(self._find)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Log the metrics; the first epoch is step 1."""
        tracked = self._tracked
        if tracked is not None:
            self._attempt(lambda: tracked.log_metrics(logs or {}, epoch + 1))

    def get_state(self) -> dict[str, Any]:
        """Return nothing: a resumed run logs where it is told to then."""
        return {}

    def set_state(self, state: dict[str, Any]) -> None:
        """Take nothing over."""

    def _find(self) -> None:
        from cnnforge_mlflow.tracked import Tracked

        self._tracked = Tracked(self._run)
        self._tracked.log_settings(self._run)

    def _attempt(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:  # whatever happens to the log, the run goes on
            self._tracked = None
            sys.stderr.write(f"MLflow: no metrics are logged from here on: {' '.join(str(error).split())[:200]}\n")
