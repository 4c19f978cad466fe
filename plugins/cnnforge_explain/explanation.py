"""Explaining photographs: what the network says, where it looks, and whether covering those places agrees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import keras
import numpy as np

from cnnforge.errors import CnnforgeError
from cnnforge.evaluation import heatmaps
from cnnforge.host import Catalogue, ExplainerSpec
from cnnforge.running import TrainedRun
from cnnforge.system import Reporter
from cnnforge_explain import cnnforge_explainers
from cnnforge_explain.grad_cam import evidence, to_heatmaps
from cnnforge_explain.observed_model import LayerCall, ObservedModel
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
        others: The heat maps of other plugins' explainers, by their names.
    """

    photograph: Photograph
    predicted: str
    probability: float
    grad_cam: np.ndarray | None
    occlusion: np.ndarray
    agreement: float | None
    maps: Sequence[np.ndarray]
    others: Mapping[str, np.ndarray]


@dataclass(frozen=True, slots=True)
class Explained:
    """A network and photographs explained.

    Args:
        kernel: Of its first convolution; None if it has none.
        stages: The convolutions whose maps are shown.
        groups: The photographs.
        others: The titles of other plugins' explainers, by their names.
        left_out: Why other explainers are left out, by their names.
    """

    kernel: np.ndarray | None
    stages: Sequence[LayerCall]
    groups: Sequence[tuple[Group, Sequence[Explanation]]]
    others: Mapping[str, str]
    left_out: Mapping[str, str]

    @property
    def agreements(self) -> list[float]:
        """The rank correlations there are."""
        return [e.agreement for _, explanations in self.groups for e in explanations if e.agreement is not None]


def explain(
    trained: TrainedRun, groups: Sequence[Group], explainers: Catalogue[ExplainerSpec], reporter: Reporter
) -> Explained:
    """Return the explanation of a network on photographs.

    Args:
        trained: The network.
        groups: The photographs.
        explainers: Those of other plugins are asked too; one that fails is named and left out.
        reporter: Told how far it is, and what is left out.
    """
    observed = ObservedModel(trained.model, trained.resolved.input_shape)
    stages = _evenly(observed.stages())
    photographs = [photograph for group in groups for photograph in group.photographs]
    predictor = trained.predictor()
    probabilities = [predictor(photograph.pixels[None])[0] for photograph in photographs]
    others, left_out = _others(trained, photographs, probabilities, explainers)
    for name, reason in left_out.items():
        reporter.warn(f"explainer {name} is left out: {reason}")
    explain_one = partial(_explain, class_names=trained.class_names, observed=observed, stages=stages)
    explanations = []
    for number, photograph in enumerate(photographs):
        maps = {name: found[number] for name, found in others.items()}
        explanations.append(explain_one(photograph, probabilities[number], maps))
        reporter.progress("Explaining", number + 1, len(photographs))
    remaining = iter(explanations)
    explained = [(group, [next(remaining) for _ in group.photographs]) for group in groups]
    titles = {name: explainers.get(name).spec.title for name in others}
    return Explained(first_kernel(observed), stages, explained, titles, left_out)


def _others(
    trained: TrainedRun,
    photographs: Sequence[Photograph],
    probabilities: Sequence[np.ndarray],
    explainers: Catalogue[ExplainerSpec],
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Return the heat maps of other plugins' explainers by their names, and why some have none."""
    own = {spec.name for spec in cnnforge_explainers()}
    images = np.stack([photograph.pixels for photograph in photographs])
    classes = np.array([row.argmax() for row in probabilities])
    maps, left_out = {}, {}
    for name in sorted(explainers.entries.keys() - own):
        try:
            maps[name] = heatmaps(explainers.get(name), trained.model, images, classes)
        except CnnforgeError as error:
            left_out[name] = str(error)
        except Exception as error:  # anybody's code
            left_out[name] = f"{type(error).__name__}: {error}"
    return maps, left_out


def first_kernel(observed: ObservedModel) -> np.ndarray | None:
    """Return the weights of the first convolution, shape (height, width, channels, filters), if there is one."""
    kernels = [w for call in observed.calls for w in call.layer.weights if len(w.shape) == 4]
    return keras.ops.convert_to_numpy(kernels[0]) if kernels else None


def _explain(
    photograph: Photograph,
    probabilities: np.ndarray,
    others: Mapping[str, np.ndarray],
    *,
    class_names: Sequence[str],
    observed: ObservedModel,
    stages: Sequence[LayerCall],
) -> Explanation:
    images = photograph.pixels[None]
    predicted = int(probabilities.argmax())
    covered = occlude(observed, photograph.pixels, predicted)
    found = evidence(observed, images, predicted) if stages else None
    return Explanation(
        photograph,
        class_names[predicted],
        float(probabilities[predicted]),
        None if found is None else to_heatmaps(found)[0],
        covered.heatmap(),
        None if found is None else covered.agreement(found[0]),
        [maps[0] for maps in observed.activations(images, [stage.index for stage in stages])],
        others,
    )


def _evenly(stages: list[LayerCall]) -> list[LayerCall]:
    """Return at most six of the stages, the first and the last among them."""
    chosen = np.unique(np.linspace(0, len(stages) - 1, min(len(stages), _MAX_STAGES)).round().astype(int))
    return [stages[i] for i in chosen.tolist()]
