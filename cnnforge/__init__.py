"""CNNForge: train, tune and ship image classifiers; everything with a name is a plugin.

Who trains calls :func:`run`, :func:`load`, :func:`tune` and what stands beside them; who writes plugins uses the specs.
Importing this imports neither Keras nor TensorFlow nor NumPy; what needs them imports them when it is called.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

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

    from cnnforge.interface import (
        Run,
        check,
        compare,
        load,
        open_data,
        reproduce,
        run,
        runs,
        tune,
    )

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
    "Run",
    "SearchAlgorithmSpec",
    "SettingsSpec",
    "Tune",
    "cache_dir",
    "check",
    "compare",
    "head",
    "hookimpl",
    "load",
    "natural_key",
    "open_data",
    "open_files",
    "reproduce",
    "run",
    "runs",
    "tune",
    "wants_pretrained",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:  # what is not imported above is of those who train, and comes when it is asked for
        raise AttributeError(f"module 'cnnforge' has no attribute {name!r}")
    return getattr(importlib.import_module("cnnforge.interface"), name)


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
