"""A run of CNNForge as a run of MLflow: found again by the run directory, so that a resumed run goes on in it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException

from cnnforge.running import Run

_EXPERIMENT = "MLFLOW_EXPERIMENT_NAME"
_DIRECTORY = "cnnforge.run_directory"
_MAX_VALUE = 500  # characters of a parameter; MLflow's own limit was once this, and longer ones nobody reads
_STATUS = {"finished": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}

# A server that is gone must not hold up training for the minutes that MLflow tries by default.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")


class Tracked:
    """MLflow's side of one run.

    Args:
        run: The run. MLflow's run is the one of its directory; it is made if there is none.

    Raises:
        MlflowException: The server does not answer, or refuses.
    """

    def __init__(self, run: Run) -> None:
        self._client = MlflowClient()
        directory = str(run.directory.path.absolute())
        experiment = _experiment(self._client)
        found = self._client.search_runs([experiment], filter_string=f"tags.`{_DIRECTORY}` = {_quoted(directory)}")
        if found:
            self.id = found[0].info.run_id
            self._client.update_run(self.id, status="RUNNING")
            return
        tags = {_DIRECTORY: directory, "cnnforge.recipe.schema": run.resolved.recipe.name}
        self.id = self._client.create_run(experiment, tags=tags, run_name=run.directory.path.name).info.run_id

    def log_settings(self, run: Run) -> None:
        """Log every setting of the recipe as a parameter, and the versions as tags; what is there already stays."""
        known = self._client.get_run(self.id).data.params
        settings = dict(_flat(run.resolved.recipe.model_dump(mode="json", exclude_none=True)))
        params = [Param(key, value) for key, value in settings.items() if key not in known]
        versions = run.directory.read_run()["packages"]
        self._client.log_batch(
            self.id, params=params, tags=[RunTag(f"version.{name}", version) for name, version in versions.items()]
        )

    def log_metrics(self, values: Mapping[str, Any], step: int) -> None:
        """Log numbers of one step."""
        now = round(time.time() * 1000)
        self._client.log_batch(self.id, metrics=[Metric(key, float(value), now, step) for key, value in values.items()])

    def log_outcome(self, run: Run) -> None:
        """Log the evaluation and the files that people look for, and end the run as it ended."""
        directory, facts = run.directory, run.directory.read_run()
        if facts["status"] == "finished":
            evaluation = directory.read_evaluation()
            found = {**evaluation, **evaluation.get("measures", {})}
            values = {key: value for key, value in found.items() if isinstance(value, int | float)}
            self.log_metrics({f"{evaluation['split']}_{key}": value for key, value in values.items()}, step=0)
        for path in (
            directory.recipe,
            directory.run_json,
            directory.report,
            directory.model_card,
            directory.evaluation,
        ):
            if path.is_file():
                self._client.log_artifact(self.id, str(path))
        if facts["status"] == "finished":
            self._client.log_artifact(self.id, str(directory.model), "model")
        self._client.set_terminated(self.id, _STATUS.get(facts["status"], "FAILED"))


def log_outcome(run: Run) -> str:
    """Log what a run has come to, and return a line that says where, or why not."""
    try:
        tracked = Tracked(run)
        tracked.log_settings(run)
        tracked.log_outcome(run)
    except Exception as error:  # whatever happens to the log, the run has ended as it has
        return f"MLflow   not logged: {' '.join(str(error).split())[:200]}"
    return f"MLflow   run {tracked.id} at {os.environ['MLFLOW_TRACKING_URI']}"


def _experiment(client: MlflowClient) -> str:
    name = os.environ.get(_EXPERIMENT) or "cnnforge"
    found = client.get_experiment_by_name(name)
    try:
        return str(found.experiment_id if found else client.create_experiment(name))
    except MlflowException:  # another run has just made it
        found = client.get_experiment_by_name(name)
        if found is None:
            raise
        return str(found.experiment_id)


def _quoted(text: str) -> str:
    return json.dumps(text) if "'" in text else f"'{text}'"


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield settings by their names as ``--set`` takes them."""
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", (value if isinstance(value, str) else json.dumps(value))[:_MAX_VALUE]
