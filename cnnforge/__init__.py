"""CNNForge: train, tune and ship image classifiers; everything with a name is a plugin.

These names are the public interface for plugin authors. None of them imports Keras, TensorFlow or NumPy; what does
(:func:`head`) imports it when called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from cnnforge.host import (
    API_VERSION,
    ArchitectureSpec,
    AugmentationSpec,
    CommandSpec,
    DataSourceSpec,
    ExecutorSpec,
    ExplainerSpec,
    ExportFormatSpec,
    MeasureSpec,
    Options,
    RecipeSpec,
    ReportSectionSpec,
    SearchAlgorithmSpec,
    SettingsSpec,
    Tune,
    hookimpl,
)
from cnnforge.images import ImageFile, ImageFiles, LabelledImages, LeftOut, natural_key, open_files
from cnnforge.network import wants_pretrained
from cnnforge.system import cache_dir

if TYPE_CHECKING:
    import keras

__version__ = "0.1.0"

__all__ = [
    "API_VERSION",
    "ArchitectureSpec",
    "AugmentationSpec",
    "CommandSpec",
    "DataSourceSpec",
    "ExecutorSpec",
    "ExplainerSpec",
    "ExportFormatSpec",
    "Field",
    "ImageFile",
    "ImageFiles",
    "LabelledImages",
    "LeftOut",
    "MeasureSpec",
    "Options",
    "RecipeSpec",
    "ReportSectionSpec",
    "SearchAlgorithmSpec",
    "SettingsSpec",
    "Tune",
    "cache_dir",
    "head",
    "hookimpl",
    "natural_key",
    "open_files",
    "wants_pretrained",
]


def head(x: keras.KerasTensor, num_classes: int, *, name: str = "probabilities") -> keras.KerasTensor:
    """Return the last layer of a classifier applied to ``x``: the probabilities.

    One sigmoid unit for two classes (the probability of the second), a softmax unit for each class otherwise, always
    in float32, since bfloat16 cannot tell a probability of 0.999 from 1.

    Args:
        x: Features, shape (batch, features).
        num_classes: At least 2.
        name: Name of the layer.
    """
    import keras

    units, activation = (1, "sigmoid") if num_classes == 2 else (num_classes, "softmax")
    return keras.layers.Dense(units, activation=activation, dtype="float32", name=name)(x)
