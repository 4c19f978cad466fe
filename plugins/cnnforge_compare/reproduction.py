"""Whether a second training of a recipe came out as the first, and if not, what may have made the difference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cnnforge.data import data_changes
from cnnforge.errors import RecipeError
from cnnforge.network import read_arrays
from cnnforge.running import RunDir, changed_conditions, newest_checkpoint_facts
from cnnforge.system import differences, read_lines

EQUAL, WITHIN_TOLERANCE, DIFFERENT = "equal", "within tolerance", "different"

_TIMINGS = ("seconds", "training_seconds", "waiting_seconds", "images_per_second")  # of a line of metrics.jsonl


@dataclass(frozen=True, slots=True)
class Reproduction:
    """What came of a second training.

    Args:
        verdict: ``equal``: every figure of every epoch, every prediction and every weight is the same. ``within
            tolerance``: the accuracy lies in the 95 % interval of the recorded one. ``different``: it does not.
        figures: Of the recorded run and of the new one, by name.
        causes: What was not the same for both, each in a line; empty if nothing that is recorded differs.
    """

    verdict: str
    figures: Mapping[str, tuple[float, float]]
    causes: list[str]


def check_finished(recorded: RunDir) -> None:
    """Raise RecipeError unless there is something to compare a second training with."""
    if recorded.read_run().get("status") != "finished":
        raise RecipeError(f"expected a finished run, received {recorded.path}, which did not finish")


def compare(recorded: RunDir, again: RunDir) -> Reproduction:
    """Compare a run with the one that was trained from its record."""
    old, new = recorded.read_evaluation(), again.read_evaluation()
    figures = {key: (old[key], new[key]) for key in ("accuracy", "loss")}
    figures["best epoch"] = (recorded.read_run()["best_epoch"], again.read_run()["best_epoch"])
    low, high = old["accuracy_interval"]
    is_close = low <= new["accuracy"] <= high
    is_equal = _outcome(recorded) == _outcome(again)
    verdict = EQUAL if is_equal else WITHIN_TOLERANCE if is_close else DIFFERENT
    return Reproduction(verdict, figures, _causes(recorded, again))


def _outcome(directory: RunDir) -> tuple[Any, ...]:
    """Return everything that two equal trainings have in common."""
    lines = [{key: line[key] for key in line if key not in _TIMINGS} for line in read_lines(directory.metrics)]
    predictions = directory.predictions.read_text(encoding="utf-8")
    # By order alone: names that Keras makes up differ from process to process.
    weights = [array.tobytes() for array in read_arrays(directory.best_weights).values()]
    return lines, predictions, weights


def _causes(recorded: RunDir, again: RunDir) -> list[str]:
    old, new = recorded.read_run(), again.read_run()
    conditions = [newest_checkpoint_facts(run.checkpoints).get("conditions", {}) for run in (recorded, again)]
    found = changed_conditions(*conditions) if all(conditions) else differences(_stated(old), _stated(new))
    found += differences({"plugins": old["plugins"]}, {"plugins": new["plugins"]})
    if old["data"]["fingerprint"] != new["data"]["fingerprint"]:
        before, now = ({line["name"]: line for line in read_lines(run.manifest)} for run in (recorded, again))
        found += [f"data: {change}" for change in data_changes(before, now)] or ["data: their fingerprint"]
    return found


def _stated(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ``run.json`` itself says of the conditions, for a run whose checkpoints are gone."""
    return {key: run.get(key) for key in ("python", "platform", "processors", "packages")}
