"""Explaining photographs: what the network says, where it looks, and whether covering those places agrees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
import numpy as np

from cnnforge.network import LayerCall, ObservedModel
from cnnforge.runs import TrainedRun
from cnnforge_explain.grad_cam import evidence, to_heatmaps
from cnnforge_explain.occlusion import occlude
from cnnforge_explain.selection import Group, Photograph

_MAX_STAGES = 6


@dataclass(frozen=True, slots=True)
class Explanation:
    """One photograph explained.

    Args:
        photograph: The photograph.
        predicted: The most probable class.
        probability: Its probability.
        grad_cam: Heat map of that class, shape (height, width), 0 to 1; None for a network without convolutions.
        occlusion: The same, measured by covering.
        agreement: Rank correlation of the two, -1 to 1; None where there is nothing to compare.
        maps: For each stage explained the output of its convolution, shape (rows, columns, channels).
    """

    photograph: Photograph
    predicted: str
    probability: float
    grad_cam: np.ndarray | None
    occlusion: np.ndarray
    agreement: float | None
    maps: Sequence[np.ndarray]


@dataclass(frozen=True, slots=True)
class Explained:
    """A network and photographs explained: its first kernel, the stages shown, and the groups."""

    kernel: np.ndarray | None
    stages: Sequence[LayerCall]
    groups: Sequence[tuple[Group, Sequence[Explanation]]]

    @property
    def agreements(self) -> list[float]:
        """The rank correlations there are."""
        return [e.agreement for _, explanations in self.groups for e in explanations if e.agreement is not None]


def explain(trained: TrainedRun, groups: Sequence[Group], progress: Callable[[str, int, int], None]) -> Explained:
    """Return the explanation of a network on photographs."""
    observed = ObservedModel(trained.model, trained.resolved.input_shape)
    stages = _evenly(observed.stages())
    total, done = sum(len(group.photographs) for group in groups), 0
    explained = []
    for group in groups:
        explanations = []
        for photograph in group.photographs:
            explanations.append(_explain(photograph, trained, observed, stages))
            done += 1
            progress("Explaining", done, total)
        explained.append((group, explanations))
    return Explained(first_kernel(observed), stages, explained)


def first_kernel(observed: ObservedModel) -> np.ndarray | None:
    """Return the weights of the first convolution, shape (height, width, channels, filters), if there is one."""
    kernels = [w for call in observed.calls for w in call.layer.weights if len(w.shape) == 4]
    return keras.ops.convert_to_numpy(kernels[0]) if kernels else None


def _explain(
    photograph: Photograph, trained: TrainedRun, observed: ObservedModel, stages: Sequence[LayerCall]
) -> Explanation:
    images = photograph.pixels[None]
    (probabilities,) = trained.predictor()(images)
    predicted = int(probabilities.argmax())
    covered = occlude(observed, photograph.pixels, predicted)
    found = evidence(observed, images, predicted) if stages else None
    return Explanation(
        photograph,
        trained.class_names[predicted],
        float(probabilities[predicted]),
        None if found is None else to_heatmaps(found)[0],
        covered.heatmap(),
        None if found is None else covered.agreement(found[0]),
        [maps[0] for maps in observed.activations(images, [stage.index for stage in stages])],
    )


def _evenly(stages: list[LayerCall]) -> list[LayerCall]:
    """Return at most six of the stages, the first and the last among them."""
    chosen = np.unique(np.linspace(0, len(stages) - 1, min(len(stages), _MAX_STAGES)).round().astype(int))
    return [stages[i] for i in chosen.tolist()]
