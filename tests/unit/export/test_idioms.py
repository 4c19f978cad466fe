"""Networks in any idiom of Keras in ONNX and in Keras's own file: what is written, and what is refused in words."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from keras import layers

import cnnforge
from cnnforge.errors import ExportError
from cnnforge.host import Options
from cnnforge.network import Predictor
from cnnforge_export.onnx_graph import replace_unknown
from cnnforge_export.own_classes import IMPORTS, write_imports
from cnnforge_export.writers import write_onnx
from tests.unit.testing import broken_networks

pytestmark = pytest.mark.slow

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), np.uint8)


def normalized(x: keras.KerasTensor) -> keras.KerasTensor:
    layer = layers.Normalization()
    x = layer(x)
    layer.adapt(np.random.default_rng(1).random((4, 16, 16, 3)))
    return x


class Table(layers.Layer):
    """Computes with a tensor that is no weight."""

    def build(self, shape):
        self.table = keras.ops.arange(shape[-1], dtype="float32") / 10

    def call(self, x):
        return x + self.table


def unknown(x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.Conv2D(6, 3, groups=3, name="in_groups")(x)  # compiled by XLA on a processor


def network(layer: Callable[[keras.KerasTensor], keras.KerasTensor]) -> keras.Model:
    keras.utils.set_random_seed(3)
    images = keras.Input((16, 16, 3))
    x = layer(layers.Rescaling(1 / 127.5, offset=-1)(images))
    return keras.Model(images, cnnforge.head(layers.GlobalAveragePooling2D()(x), 3))


def trained(model: keras.Model) -> Any:
    decoding = SimpleNamespace(height=16, width=16, channels=3, shape=(16, 16, 3), interpolation="bilinear")
    return SimpleNamespace(model=model, decoding=decoding, class_names=("a", "b", "c"))


@pytest.mark.parametrize(
    "layer",
    [
        layers.Conv2D(4, 3, activation="gelu"),
        layers.Conv2D(4, 3, activation="celu"),
        layers.Conv2D(4, 3, activation="mish"),
        keras.ops.erf,
        lambda x: keras.ops.roll(keras.ops.einsum("bhwc,bhwd->bhwcd", x, x)[..., 0], 2, axis=1),
        normalized,
        Table(),
    ],
    ids=["gelu", "celu", "mish", "erf", "einsum and roll", "normalization", "table"],
)
def test_onnx_computes_the_same(layer: Callable, tmp_path: Path) -> None:
    model = network(layer)
    write_onnx(trained(model), tmp_path / "model.onnx", Options())
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    assert [given.name for given in session.get_inputs()] == ["images"]
    (received,) = session.run(["probabilities"], {"images": IMAGES})
    np.testing.assert_allclose(received, Predictor(model)(IMAGES), atol=1e-5)


def test_an_operator_that_onnx_lacks_is_named_with_its_layer(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"operators that ONNX has, received StatefulPartitionedCall of .*in_groups"):
        write_onnx(trained(network(unknown)), tmp_path / "model.onnx", Options())


def test_operators_that_onnx_has_stay_as_they_are() -> None:
    node = onnx.helper.make_node("Erf", ["x"], ["y"])
    graph = onnx.GraphProto(node=[node, onnx.helper.make_node("Own", ["y"], ["z"], name="net/layer/Own")])
    with pytest.raises(ExportError, match="received Own of net/layer/Own"):
        replace_unknown(graph)
    assert graph.node[0] == node


def local() -> layers.Layer:
    class Local(layers.Layer):
        def call(self, x):
            return x

    return Local()


def test_a_keras_file_names_the_plugin_s_layers_to_import(tmp_path: Path) -> None:
    broken_networks.draws_by_keras(None, input_shape=(16, 16, 3), num_classes=3).save(tmp_path / "model.keras")
    write_imports(tmp_path / "model.keras")
    assert json.loads((tmp_path / IMPORTS).read_text()) == {
        "tests>KeptNoise": ["tests.unit.testing.broken_networks", "KeptNoise"]
    }
    network(layers.Conv2D(4, 3, activation="gelu")).save(tmp_path / "plain.keras")
    (tmp_path / IMPORTS).unlink()
    write_imports(tmp_path / "plain.keras")
    assert not (tmp_path / IMPORTS).exists()


def test_a_layer_that_nobody_registered_can_be_loaded_with_what_is_named(tmp_path: Path) -> None:
    model = network(Table())
    model.save(tmp_path / "model.keras")
    write_imports(tmp_path / "model.keras")
    own = {key: globals()[name] for key, (_, name) in json.loads((tmp_path / IMPORTS).read_text()).items()}
    loaded = keras.saving.load_model(tmp_path / "model.keras", custom_objects=own)
    np.testing.assert_array_equal(Predictor(loaded)(IMAGES), Predictor(model)(IMAGES))


@pytest.mark.parametrize(
    ("layer", "received"),
    [(layers.Lambda(lambda x: x * 2), "a lambda"), (local(), "Local of tests.unit.export.test_idioms")],
    ids=["lambda", "local"],
)
def test_what_keras_does_not_load_is_refused(layer: layers.Layer, received: str, tmp_path: Path) -> None:
    network(layer).save(tmp_path / "model.keras")
    with pytest.raises(ExportError, match=re.escape(f"received {received}")):
        write_imports(tmp_path / "model.keras")
