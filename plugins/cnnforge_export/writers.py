"""The network in each format: uint8 images, or files, in; the probability of every class out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from cnnforge.data import DecodeSettings
from cnnforge.host import Options
from cnnforge.running import TrainedRun
from cnnforge_export import LiteRTOptions, golden
from cnnforge_export.decode import decode_files
from cnnforge_export.own_classes import write_imports
from cnnforge_export.resize import resize

_OUTPUT = "probabilities"
_NUM_CALIBRATION = 200


def write_keras(trained: TrainedRun, path: Path, _: Options) -> None:
    """Write the network as it is, its layers and its own output, and what is to be imported to load it."""
    trained.model.save(path)
    write_imports(path)


def write_saved_model(trained: TrainedRun, path: Path, _: Options) -> None:
    """Write a folder with two signatures.

    ``serving_default`` takes ``files``, the bytes of JPEG and PNG files, shape (images,); ``pixels`` takes ``images``
    at the size of the network, uint8. Both return ``probabilities`` and ``class_names``, shape (images, classes), and
    ``predicted``, the name of the most probable class, shape (images,).
    """
    names = tf.constant(trained.class_names)

    def classify(images: tf.Tensor) -> dict[str, tf.Tensor]:
        probabilities = _every_class(trained.model(images, training=False))
        return {
            "probabilities": probabilities,
            "predicted": tf.gather(names, tf.argmax(probabilities, axis=1)),
            "class_names": tf.repeat(names[None, :], tf.shape(probabilities)[0], axis=0),
        }

    def from_files(files: tf.Tensor) -> dict[str, tf.Tensor]:
        return classify(decode_files(files, trained.decoding))

    def from_pixels(images: tf.Tensor) -> dict[str, tf.Tensor]:
        return classify(tf.cast(images, tf.float32))

    module = tf.Module()  # Keras's own archive would hold every weight twice
    module.weights = [variable.value for variable in trained.model.variables]
    files = tf.TensorSpec((None,), tf.string, name="files")
    images = tf.TensorSpec((None, *trained.decoding.shape), tf.uint8, name="images")
    signatures = {
        "serving_default": tf.function(from_files, input_signature=[files]),
        "pixels": tf.function(from_pixels, input_signature=[images]),
    }
    tf.saved_model.save(module, str(path), signatures=signatures)


def write_onnx(trained: TrainedRun, path: Path, _: Options) -> None:
    """Write a file that takes ``images``, uint8, all of one size, and gives ``probabilities``.

    Its metadata hold the class names, as JSON.
    """
    network = _exportable(trained, any_size=True)
    network.export(str(path), format="onnx", verbose=False)
    import onnx

    from cnnforge_export.onnx_graph import embed_constants, replace_unknown

    model = onnx.load(path)
    embed_constants(model.graph, _constants(network))
    replace_unknown(model.graph)
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


def _constants(model: keras.Model) -> list[np.ndarray]:
    """Return the tensors that a model computes with and that are no weights, in the order in which it meets them."""
    spec = tf.TensorSpec((None, *model.input_shape[1:]), tf.uint8)
    traced = tf.function(lambda images: model(images, training=False)).get_concrete_function(spec)
    return [tensor.numpy() for tensor, _ in traced.graph.captures if tensor.dtype != tf.resource]


def write_litert(trained: TrainedRun, path: Path, options: LiteRTOptions) -> None:
    """Write a file that takes uint8 ``images`` at the size of the network, any number of them."""
    is_calibrated = options.quantize == "int8"
    calibration = golden.read(trained, "train", _NUM_CALIBRATION).pixels if is_calibrated else None
    model = _exportable(trained, any_size=False)
    model.export(str(path), format="litert", verbose=False, **_litert_settings(options.quantize, calibration))


def _litert_settings(quantize: str | None, calibration: np.ndarray | None) -> dict[str, Any]:
    """Return attributes of ``tf.lite.TFLiteConverter``; operations outside LiteRT's own would need another runtime.

    Args:
        quantize: None, ``float16`` (weights), ``dynamic`` (weights in 8 bits) or ``int8`` (weights and activations).
        calibration: Training images, uint8, from which ``int8`` takes the ranges of the activations.
    """
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


def _exportable(trained: TrainedRun, *, any_size: bool) -> keras.Model:
    """Return the network between a uint8 input and one output for each class.

    Args:
        trained: The run.
        any_size: Resize in the network, so that it takes images of any size; else only those of its own.

    Returns:
        A model from ``images``, shape (images, height, width, channels), 0 to 255, to probabilities, shape (images,
        classes), float32.
    """
    height, width, channels = trained.decoding.shape
    inputs = keras.Input(
        (None, None, channels) if any_size else (height, width, channels), dtype="uint8", name="images"
    )
    pixels = keras.ops.cast(inputs, "float32")
    if any_size:
        pixels = _Resize(trained.decoding)(pixels)
    model = keras.Model(inputs, {_OUTPUT: _every_class(trained.model(pixels, training=False))})
    model(keras.ops.zeros((1, height, width, channels), "uint8"))  # Keras exports no model that was never called
    return model


def _every_class(outputs: keras.KerasTensor) -> keras.KerasTensor:
    """Return the probabilities of all classes, shape (images, classes): one sigmoid column becomes two."""
    outputs = keras.ops.cast(outputs, "float32")  # whatever the last layer computes in
    if outputs.shape[-1] != 1:
        return outputs
    return keras.ops.concatenate([1 - outputs, outputs], axis=-1)


class _Resize(keras.layers.Layer):  # type: ignore[misc]
    """Pillow's resizing to the size of the network."""

    def __init__(self, decoding: DecodeSettings) -> None:
        super().__init__(dtype="float32")
        self._decoding = decoding

    def call(self, images: tf.Tensor) -> tf.Tensor:
        """Return the images resized."""
        return resize(images, self._decoding.height, self._decoding.width, self._decoding.interpolation)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the resized images."""
        return (input_shape[0], *self._decoding.shape)
