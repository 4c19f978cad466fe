"""ONNX: takes decoded images of any size."""

from __future__ import annotations

import json
from pathlib import Path

from cnnforge.runs import TrainedRun
from cnnforge_export.network import exportable

_OUTPUT = "probabilities"


def write(trained: TrainedRun, path: Path) -> None:
    """Write a file that takes ``images``, uint8, all of one size, and gives ``probabilities``.

    Its metadata hold the class names, as JSON.
    """
    exportable(trained, any_size=True).export(str(path), format="onnx", verbose=False)
    import onnx

    model = onnx.load(path)
    for axis, name in enumerate(("images", "height", "width")):
        model.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = name
    result = model.graph.output[0]
    for node in model.graph.node:
        node.output[:] = [_OUTPUT if name == result.name else name for name in node.output]
    result.name = _OUTPUT
    result.type.tensor_type.shape.dim[0].dim_param = "images"
    onnx.helper.set_model_props(model, {"class_names": json.dumps(trained.class_names)})
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
