"""The dry step: loss and metrics are given right and wrong answers, the network a few drawn images.

Right and wrong answers go through a network that returns what it is given, compiled with the recipe's loss and metrics,
so that Keras treats them as in training. The network of the run is called in inference, its variables held in a
``StatelessScope``: none of them, and no random generator, is changed.
"""

from __future__ import annotations

import functools
import inspect
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from cnnforge.data import encode_targets
from cnnforge.errors import RecipeError
from cnnforge.host import Registry, import_deferred
from cnnforge.network import components
from cnnforge.recipe import Component, ResolvedRecipe, TrainingSection, keras_names
from cnnforge.running import Run
from cnnforge_checks.callbacks import Figure, Figures, Watching, check_callback
from cnnforge_checks.settings import check_kind, with_measures

_MAX_CLASSES = 1000  # for which there are answers
_MAX_TRIED = 8  # classes whose answers are made wrong one by one
_SURE = 0.999
_TOLERANCE = 1e-2  # of a sum of probabilities that were computed in bfloat16
_THRESHOLD = """--set 'training.metrics=["accuracy", {{name="{}", average="macro", threshold=0.5}}]'"""
_OWN_STEPS = ("train_step", "test_step", "compute_metrics", "metrics")
_FITTING_LOSS = "take the loss that fits the classes: --set training.loss=auto"
_ACCURACY = (
    """--set 'training.metrics=["accuracy"]' --set 'training.epoch_measures=["macro_f1"]' (cnnforge list measures)"""
)


def check_network(run: Run, model: keras.Model, registry: Registry) -> None:
    """Refuse settings and networks that cannot train as they are meant to.

    Raises:
        RecipeError: The outputs are no probabilities, loss or metrics do not fit them, or a callback waits for a
            figure that no epoch has.
    """
    training = run.resolved.recipe.training
    outputs = _outputs(model, run.resolved.input_shape)
    if outputs is None:
        return
    _check_outputs(outputs, run.resolved)
    figures = with_measures(_dry_run(training.model_dump_json(), outputs.shape[-1]), training, registry)
    facts = run.directory.read_run() if run.directory.run_json.is_file() else {}
    if "data" in facts and not facts["data"]["splits"].get("validation"):
        figures = {name: figure for name, figure in figures.items() if not name.startswith("val_")}
    has_own_steps = any(getattr(type(model), name) is not getattr(keras.Model, name) for name in _OWN_STEPS)
    is_complete = not has_own_steps and isinstance(getattr(model, "output_shape", None), tuple)
    for i, component in enumerate(training.callbacks):
        callback = _watching(i, component)
        check_kind(training, callback)
        check_callback(training, callback, Figures(figures, is_complete))
        is_complete = is_complete and ":" not in component.name  # it may add figures for those after it


@functools.lru_cache
def _dry_run(recorded: str, num_outputs: int) -> dict[str, Figure]:
    """Check loss and metrics, once in a process for the same ``[training]``, and return the figures of an epoch."""
    training = TrainingSection.model_validate_json(recorded)
    answers = Answers.of(training, num_outputs)
    _check_loss(training, answers)
    for i, component in enumerate(training.metrics):
        _check_metric(training, i, component, answers)
    return _figures(training, answers)


def _outputs(model: keras.Model, input_shape: tuple[int, int, int]) -> np.ndarray | None:
    """Return what a network makes of drawn images, and of them once more with larger weights in its last layer.

    None: it cannot be called in this way, and training will say why.
    """
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (2, *input_shape), np.uint8)
    last = model.trainable_variables[-2:]
    enlarged = [(v, generator.normal(0, 1, v.shape).astype(np.float32) * 3) for v in last]
    computed = []
    for values in ([], enlarged):
        try:
            with keras.StatelessScope(state_mapping=[(v, keras.ops.convert_to_tensor(a)) for v, a in values]):
                outputs = model(images, training=False)
            outputs = outputs["probabilities"] if isinstance(outputs, dict) else outputs
            computed.append(keras.ops.convert_to_numpy(keras.ops.cast(outputs, "float32")))
        except Exception:
            return None
    if np.isfinite(computed[0]).all() and not np.isfinite(computed[1]).all():
        computed.pop()  # larger weights than a network bears say nothing of it
    return np.concatenate(computed)


def _check_outputs(outputs: np.ndarray, resolved: ResolvedRecipe) -> None:
    sums, what = outputs.sum(axis=-1), ""
    if not np.isfinite(outputs).all():
        what = "what is no finite number"
    elif outputs.min() < -_TOLERANCE or outputs.max() > 1 + _TOLERANCE:
        what = f"numbers from {outputs.min():.3g} to {outputs.max():.3g}"
    elif outputs.shape[-1] > 1 and abs(sums - 1).max() > _TOLERANCE:
        what = f"rows that sum to {sums[abs(sums - 1).argmax()]:.3g}"
    if what:
        architecture = resolved.architecture
        raise RecipeError(
            f"expected probabilities from architecture {architecture.spec.name!r} of plugin {architecture.plugin},"
            f" numbers from 0 to 1 that sum to 1, received {what}",
            hint="end the network with cnnforge.head(x, num_classes), and leave training.loss at auto",
        )


@dataclass(frozen=True, slots=True)
class Answers:
    """Two images of every class: their classes, targets as the feed gives them, and right answers and wrong ones."""

    labels: np.ndarray
    targets: np.ndarray
    right: np.ndarray
    wrong: np.ndarray

    @classmethod
    def of(cls, training: TrainingSection, num_outputs: int) -> Answers:
        """Return the answers of a network with that many outputs; one output is that of two classes."""
        num_classes = max(num_outputs, 2)
        is_sparse = components.wants_class_indices(components.build_loss(training, num_classes))
        labels = np.repeat(np.arange(min(num_classes, _MAX_CLASSES)), 2)
        targets = encode_targets(labels, num_classes, sparse=is_sparse)
        if num_outputs == 1:
            right = np.where(labels == 1, _SURE, 1 - _SURE).astype(np.float32)[:, None]
            return cls(labels, targets, right, 1 - right)
        right = np.full((len(labels), num_classes), (1 - _SURE) / (num_classes - 1), np.float32)
        right[np.arange(len(labels)), labels] = _SURE
        wrong = np.roll(right, 1, axis=1)  # sure of the next class
        wrong[np.arange(len(labels)), labels] /= 10  # and the right one comes last
        return cls(labels, targets, right, wrong)


class DryRun:
    """Measures answers with the loss of the recipe, and some metrics, as training would.

    Args:
        training: Names the loss.
        answers: What is answered.
        metrics: Built, or ``"accuracy"``.
    """

    def __init__(self, training: TrainingSection, answers: Answers, metrics: Sequence[Any] = ()) -> None:
        self._targets = answers.targets
        inputs = keras.Input(answers.right.shape[1:], name="answers")
        self.model = keras.Model(inputs, keras.layers.Activation("linear", name="same")(inputs), name="dry_step")
        loss = components.build_loss(training, max(answers.right.shape[1], 2))
        self.model.compile(optimizer="sgd", loss=loss, metrics=list(metrics), run_eagerly=True)

    def __call__(self, given: np.ndarray, weights: np.ndarray | None = None) -> dict[str, Any]:
        """Return the figures of some answers by name; weights are those of the images in the loss."""
        self.model.reset_metrics()
        with warnings.catch_warnings(action="ignore"):  # Keras warns of what is refused here
            figures: dict[str, Any] = self.model.test_on_batch(
                given, self._targets, sample_weight=weights, return_dict=True
            )
        return figures


def _check_loss(training: TrainingSection, answers: Answers) -> None:
    """Refuse a loss that fails, or that is not lower for right answers than for wrong ones of some class."""
    name, sizes, dry_run = training.loss.name, _sizes(answers), DryRun(training, answers)

    def loss(is_wrong: np.ndarray, weights: np.ndarray | None = None) -> float:
        try:
            return float(dry_run(np.where(is_wrong[:, None], answers.wrong, answers.right), weights)["loss"])
        except Exception as error:
            raise RecipeError(
                f"training.loss: {name} cannot be computed {sizes}: {_first_line(error)}", _FITTING_LOSS
            ) from error

    right = loss(answers.labels < 0)
    for label in np.unique(answers.labels)[:_MAX_TRIED]:
        wrong = loss(answers.labels == label)
        if not (np.isfinite([right, wrong]).all() and wrong > right + 1e-6 * abs(right)):
            raise RecipeError(
                "training.loss: expected a loss that is lower for right answers than for wrong ones, received"
                f" {name}, which is {right:.4g} for right ones and {wrong:.4g} where those of class {label + 1} are"
                f" wrong, {sizes}",
                hint=_FITTING_LOSS,
            )
    is_second = np.arange(len(answers.labels)) % 2 == 1
    weights = is_second.astype(np.float32)
    if training.class_balance == "weights" and np.isclose(loss(is_second, weights), loss(is_second, 1 - weights)):
        raise RecipeError(
            "training.loss: expected a loss of single images, so that training.class_balance=weights can weigh them,"
            f" received {name}, which is one figure of a whole batch",
            hint="balance by sampling: --set training.class_balance=sampling",
        )


def _check_metric(training: TrainingSection, index: int, component: Component, answers: Answers) -> None:
    """Refuse a metric that fails, or that says the same of right and of wrong answers."""
    key, name, sizes = f"training.metrics[{index}]", component.name, _sizes(answers)
    has_threshold = answers.right.shape[1] == 1 and keras_names.normalise(name) in ("f1score", "fbetascore")
    hint = _THRESHOLD.format(name) if has_threshold else _ACCURACY
    only = training.model_copy(update={"metrics": (component,)})
    try:
        dry_run = DryRun(training, answers, components.build_metrics(only))
        right, wrong = (
            [value for figure, value in dry_run(given).items() if figure != "loss"]
            for given in (answers.right, answers.wrong)
        )
    except RecipeError:
        raise
    except Exception as error:
        raise RecipeError(f"{key}: {name} cannot be computed {sizes}: {_first_line(error)}", hint) from error
    if any(np.ndim(value) for value in right):
        raise RecipeError(
            f"{key}: expected one figure, received one for each class or threshold of {name}",
            hint=hint
            if has_threshold
            else f'take their mean where the metric has one, average="macro", or: {_ACCURACY}',
        )
    if ":" in name:
        return
    if not np.isfinite([*right, *wrong]).all() or np.allclose(right, wrong, rtol=1e-5, atol=1e-7):
        raise RecipeError(
            f"{key}: expected a metric that tells right answers from wrong ones, received {name}, which is"
            f" {right[0]:.4g} for right ones and {wrong[0]:.4g} for wrong ones, {sizes}",
            hint=hint,
        )
    if "accuracy" in keras_names.normalise(name) and not np.allclose([*right, *wrong], [1, 0], atol=1e-6):
        raise RecipeError(
            f"{key}: expected an accuracy of 1 for right answers and 0 for wrong ones, received {name}, which is"
            f" {right[0]:.4g} and {wrong[0]:.4g}, {sizes}",
            hint=hint,
        )


def _figures(training: TrainingSection, answers: Answers) -> dict[str, Figure]:
    """Return the figures that Keras measures of an epoch."""
    dry_run = DryRun(training, answers, components.build_metrics(training))
    logs = dry_run(answers.right)
    flat = [metric for several in dry_run.model.metrics for metric in getattr(several, "metrics", [several])]
    directions = {m.name: {"up": "max", "down": "min"}.get(getattr(m, "_direction", ""), "") for m in flat}
    figures = {name: Figure(directions.get(name, ""), bool(directions.get(name))) for name in logs}
    figures["loss"] = Figure("min", True)
    return figures | {f"val_{name}": figure for name, figure in figures.items()} | {"learning_rate": Figure()}


def _watching(index: int, component: Component) -> Watching:
    """Return what a callback of the recipe watches, with the defaults of its class."""
    key = f"training.callbacks[{index}]"
    if ":" in component.name:
        factory = import_deferred(component.name, key)
    else:
        factory = getattr(keras.callbacks, keras_names.find(key, "callbacks", component.name).name)
    parameters = inspect.signature(factory).parameters.values()
    defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
    kinds = {keras_names.normalise(c.__name__) for c in getattr(factory, "__mro__", ())}
    return Watching(index, component.name, frozenset(kinds), defaults | component.arguments)


def _sizes(answers: Answers) -> str:
    num_outputs = answers.right.shape[1]
    if num_outputs == 1:
        return "for two classes (one output: the probability of the second)"
    given = "are class indices" if answers.targets.shape[1] == 1 else "have a column for each class"
    return f"for {num_outputs} classes (as many outputs; targets {given})"


def _first_line(error: Exception) -> str:
    text = re.sub(r"^\{\{.*?\}\}|\[Op:.*", "", str(error)).strip()
    return text.splitlines()[0] if text else type(error).__name__
