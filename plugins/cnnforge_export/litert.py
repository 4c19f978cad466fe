"""LiteRT: takes decoded images at the size of the network; optionally with smaller numbers inside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from cnnforge.runs import TrainedRun
from cnnforge_export.network import exportable


def write(trained: TrainedRun, path: Path, quantize: str | None = None, calibration: np.ndarray | None = None) -> None:
    """Write a file that takes uint8 ``images`` at the size of the network, any number of them.

    Args:
        trained: The run.
        path: Ends in ``.tflite``.
        quantize: None, ``float16`` (weights), ``dynamic`` (weights in 8 bits) or ``int8`` (weights and activations).
        calibration: Training images, uint8, from which ``int8`` takes the ranges of the activations.
    """
    model = exportable(trained, any_size=False)
    model.export(str(path), format="litert", verbose=False, **_settings(quantize, calibration))


def _settings(quantize: str | None, calibration: np.ndarray | None) -> dict[str, Any]:
    """Return attributes of ``tf.lite.TFLiteConverter``; operations outside LiteRT's own would need another runtime."""
    target: dict[str, Any] = {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]}
    settings: dict[str, Any] = {"target_spec": target}
    if quantize:
        settings["optimizations"] = [tf.lite.Optimize.DEFAULT]
    if quantize == "float16":
        target["supported_types"] = [tf.float16]
    if calibration is not None:

        def one_by_one() -> Iterator[list[np.ndarray]]:
            return ([image[None]] for image in calibration)

        settings["representative_dataset"] = one_by_one
    return settings
