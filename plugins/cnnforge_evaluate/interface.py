"""Evaluating a run, for the command line and for Python alike."""

from __future__ import annotations

import re
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnforge.data import open_source
from cnnforge.errors import RecipeError
from cnnforge.evaluation import EvaluationDir
from cnnforge.interface import Settings, changes, registry, resolve_recipe, terminal_reporter
from cnnforge.running import RunDir, default_run_name
from cnnforge_evaluate.selection import evaluate_run, other_data, other_recipe, own_split

if TYPE_CHECKING:
    import cnnforge


def evaluate(
    run: cnnforge.Run, data: str | Path | None = None, *, split: str | None = None, settings: Settings = ()
) -> dict[str, Any]:
    """Measure a network and write the result into a folder of its run; arguments as of ``cnnforge.Run.evaluate``."""
    directory = RunDir(run.directory)
    is_own = data is None or split is not None
    # Whatever is wrong with the images is said before Keras is imported.
    if data is not None and not is_own:
        images = open_source(other_recipe(directory, Path(data), changes(settings), registry()), min_classes=1)
    elif settings:
        raise RecipeError("expected --set only beside --data without --split", hint="the run's own data are fixed")
    else:
        images = open_source(resolve_recipe(directory.recipe, data=data))
    trained = run.trained
    with terminal_reporter(sys.stderr) as reporter:
        if images.notice:
            reporter.warn(images.notice)
        reading = partial(reporter.progress, "Reading images")
        if is_own:
            selection = own_split(trained, images, split or trained.resolved.recipe.evaluation.split, reading)
        else:
            selection = other_data(trained, images, reading)
        words = re.sub(r"[^a-z0-9]+", "-", (Path(data).stem if data else selection.split).lower()).strip("-")
        folder = EvaluationDir(directory.evaluations / default_run_name(words))
        evaluating = partial(reporter.progress, "Evaluating")
        result = evaluate_run(trained, selection, folder, registry(), evaluating, location=images.location)
        for warning in result["warnings"]:
            reporter.warn(warning)
    return {"folder": str(folder.path), **result}
