"""What is found out before a search spends anything: whether it can work at all, how long it takes, how much it holds.

Runs as a task of the executor, so under the conditions of a trial, and leaves the memory it needs with its process.
"""

from __future__ import annotations

import math
import statistics
import tempfile
import time
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cnnforge.errors import RecipeError
from cnnforge.host import PluginHost, Registry
from cnnforge.recipe import Recipe, ResolvedRecipe, recipe_from_values, resolve

if TYPE_CHECKING:
    import keras

    from cnnforge.data import Feed
    from cnnforge.running import TrainableModel

_STEPS = 3
_BYTES = 4  # of a float32
_TRAINING_COPIES = 4  # weights, gradients and the optimizer's averages
_FILES_PER_TRIAL = 10  # copies of the weights: two best, two checkpoints with the optimizer's averages, the model
_FORWARD_SHARE = 0.4  # of the time of a training step, that of evaluating as many images


@dataclass(frozen=True, slots=True)
class Facts:
    """What was found.

    ``precision`` is what ``training.precision`` is for all trials, ``metrics`` what an epoch measures. Parameters,
    bytes of memory and seconds of an epoch are ``(as the recipe is, at the largest corner)``; the seconds are None
    for a study that goes on.
    """

    fingerprint: str
    precision: str
    metrics: list[str]
    num_parameters: tuple[int, int]
    memory_bytes: tuple[int, int]
    epoch_seconds: tuple[float, float] | None
    num_images: dict[str, int]
    notice: str
    warnings: list[str]

    def disk_bytes(self, num_trials: int) -> int:
        """Return how much room the weights of that many trials take at most."""
        return max(self.num_parameters) * _BYTES * _FILES_PER_TRIAL * num_trials


@dataclass(frozen=True, slots=True)
class Point:
    """A configuration: its values in words, and its recipe, TOML."""

    text: str
    recipe: str


def examine(corners: Sequence[Point], *, is_new: bool) -> Facts:
    """Return the facts of a search.

    Args:
        corners: The recipe that the trials vary, then the corners of the space.
        is_new: Whether to build the corners and to measure; a study that goes on has done so.

    Raises:
        RecipeError: A corner cannot be built; the message is the architecture's.
        CnnforgeError: The data or the recipe cannot be used.
    """
    from cnnforge.system import import_keras

    import_keras()
    from cnnforge.data import open_source, prepare
    from cnnforge.training import choose_precision, make_feeds

    registry = Registry(PluginHost.discover())
    at_corners = [_resolved(point, registry) for point in (corners if is_new else corners[:1])]
    resolved = at_corners[0]
    data = prepare(resolved, open_source(resolved), lambda *_: None)
    feeds = make_feeds(resolved, data)
    compiled = [
        partial(compiled_at, corner, registry, len(data.manifest.class_names), len(feeds["train"]))
        for corner in at_corners
    ]
    sizes = [_size(_built(build, point), resolved.recipe) for build, point in zip(compiled, corners, strict=False)]
    images, targets, *_ = feeds["train"][0]
    policy = choose_precision(resolved.recipe.training.precision, compiled[0], (images, targets)).policy
    largest = max(range(len(sizes)), key=lambda i: sizes[i][1])
    model, logs = _measured(compiled[0](policy).model, feeds)
    seconds = (model, _measured(compiled[largest](policy).model, feeds)[0]) if is_new else None
    epoch_measures = resolved.recipe.training.epoch_measures or ()
    return Facts(
        fingerprint=data.manifest.fingerprint(),
        precision=policy.removeprefix("mixed_"),
        metrics=[*logs, *(f"val_{name}" for name in (*logs, *epoch_measures) if "validation" in feeds)],
        num_parameters=(sizes[0][0], sizes[largest][0]),
        memory_bytes=(sizes[0][1], sizes[largest][1]),
        epoch_seconds=seconds,
        num_images={split: len(feed.rows) for split, feed in feeds.items()},
        notice=data.notice,
        warnings=list(data.manifest.warnings),
    )


def compiled_at(
    resolved: ResolvedRecipe, registry: Registry, num_classes: int, steps_per_epoch: int, policy: str
) -> TrainableModel:
    """Return the network of a corner as a trial trains it."""
    from cnnforge.running import Run, RunDir, trainable_model

    with tempfile.TemporaryDirectory() as folder:  # plugins are told of a run, and there is none yet
        run = Run(RunDir(Path(folder)), resolved)
        return trainable_model(run, registry, num_classes, steps_per_epoch, policy)


def _resolved(point: Point, registry: Registry) -> ResolvedRecipe:
    return resolve(recipe_from_values(tomllib.loads(point.recipe), "study", "of the study"), registry)


def _built(build: Callable[[str], TrainableModel], point: Point) -> keras.Model:
    try:
        return build("float32").model
    except RecipeError as error:
        raise RecipeError(
            f"the search space has configurations that cannot be built, such as {point.text}:\n{error}",
            hint="narrow the space: [tuning.space], or `--set tuning.space.SECTION.KEY={low=…, high=…}`",
        ) from None


def _size(model: keras.Model, base: Recipe) -> tuple[int, int]:
    """Return the parameters of a network and about how many bytes training it takes."""
    outputs = sum(math.prod(layer.output.shape[1:]) for layer in model.layers if hasattr(layer.output, "shape"))
    activations = 2 * outputs * base.training.batch_size  # kept for the backward pass, and their gradients
    parameters = model.count_params()
    return parameters, _BYTES * (_TRAINING_COPIES * parameters + activations)


def _measured(model: keras.Model, feeds: dict[str, Feed]) -> tuple[float, dict[str, float]]:
    """Return about how many seconds an epoch takes, from a few steps, and the figures of the last of them."""
    seconds = []
    for _ in range(_STEPS + 1):
        start = time.perf_counter()
        logs = model.train_on_batch(*feeds["train"][0], return_dict=True)
        seconds.append(time.perf_counter() - start)
    step = statistics.median(seconds[1:])  # the first compiles
    num_steps = len(feeds["train"]) + _FORWARD_SHARE * len(feeds.get("validation", ()))
    return step * num_steps, logs
