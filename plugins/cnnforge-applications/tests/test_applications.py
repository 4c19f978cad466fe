"""Networks of keras.applications: all are there, scale as Keras does, and keep the contract of architectures."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from cnnforge_applications import ARCHITECTURES, NETWORKS, ApplicationOptions, builders, model

from cnnforge.testing import ArchitectureContract

FROM_SCRATCH = {"weights": "none"}


class TestMobileNetV2(ArchitectureContract):
    spec = ARCHITECTURES["mobilenet_v2"]
    options = FROM_SCRATCH
    input_shape = (64, 64, 3)


class TestVgg16(ArchitectureContract):
    spec = ARCHITECTURES["vgg16"]
    options = FROM_SCRATCH
    input_shape = (32, 32, 3)


def test_every_network_of_keras_is_there() -> None:
    functions = {name for name, value in vars(keras.applications).items() if callable(value) and name[0].isupper()}
    assert {network.function for network in NETWORKS.values()} == functions


@pytest.mark.parametrize("name", ["mobilenet", "vgg16", "densenet121", "efficientnet_v2_b0"])
def test_images_are_scaled_as_keras_scales_them(name: str) -> None:
    module = {
        "mobilenet": "mobilenet",
        "vgg16": "vgg16",
        "densenet121": "densenet",
        "efficientnet_v2_b0": "efficientnet_v2",
    }
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3)).astype(np.float32)
    inputs = keras.Input((8, 8, 3))
    scaled = model._scaled(inputs, NETWORKS[name].scaling)
    ours = images if scaled is inputs else keras.ops.convert_to_numpy(keras.Model(inputs, scaled)(images))
    theirs = getattr(keras.applications, module[name]).preprocess_input(images.copy())
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_weights_come_from_a_file_and_stay_as_they_are(tmp_path: Path) -> None:
    keras.utils.set_random_seed(1)
    original = keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(64, 64, 3))
    original.save_weights(tmp_path / "own.weights.h5")
    options = ApplicationOptions(weights_file=tmp_path / "own.weights.h5", dropout=0.0)
    built = builders.mobilenet_v2(options, input_shape=(64, 64, 3), num_classes=2)
    assert [weight.path for weight in built.trainable_weights] == ["probabilities/kernel", "probabilities/bias"]
    images = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3)).astype(np.float32)
    ours = keras.Model(built.input, built.get_layer("features").output)(images)
    theirs = keras.ops.mean(original(images / 127.5 - 1), axis=(1, 2))
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("way", "name"),
    [
        ("download", "mobilenet_v2"),
        ("download", "efficientnet_b0"),
        ("file", "efficientnet_b0"),
        ("download", "efficientnet_v2_b0"),
    ],
)
def test_pretrained_networks_see_what_keras_own_see(
    way: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The weights are drawn here, and given to Keras in place of its download."""
    keras.utils.set_random_seed(1)
    function, shape, file = NETWORKS[name].function, (96, 96, 3), tmp_path / "drawn.weights.h5"
    make = getattr(keras.applications, function)
    drawn = make(include_top=False, weights=None, input_shape=shape)
    for variable in drawn.variables:
        if variable.path.startswith("normalization") and variable.shape == (3,):  # EfficientNet's: ImageNet's figures
            variable.assign([0.485, 0.456, 0.406] if variable.path.endswith("mean") else [0.229**2, 0.224**2, 0.225**2])
    drawn.save_weights(file)
    monkeypatch.setattr("keras.src.utils.file_utils.get_file", lambda *_, **__: str(file))
    keras_own = make(include_top=False, weights="imagenet", input_shape=shape)
    options = ApplicationOptions(weights_file=file if way == "file" else None)
    built = getattr(builders, name)(options, input_shape=shape, num_classes=2)

    colors = np.array([[250, 40, 90], [30, 200, 220]], np.float32)
    images = colors[:, None, None, :] * np.linspace(0.3, 1, 96 * 96, dtype=np.float32).reshape(96, 96, 1)
    ours = keras.Model(built.input, built.get_layer("features").output)(images)
    module = getattr(keras.applications, name.removesuffix("_b0"))
    theirs = keras.ops.mean(keras_own(module.preprocess_input(images.copy())), axis=(1, 2))
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4 * float(np.abs(theirs[0] - theirs[1]).max()))


def test_a_trained_run_needs_the_pretrained_weights_no_more(cli: Any, tiny_images: Path, tmp_path: Path) -> None:
    file, run = tmp_path / "drawn.weights.h5", tmp_path / "runs" / "one"
    keras.applications.EfficientNetB0(include_top=False, weights=None, input_shape=(32, 32, 3)).save_weights(file)
    settings = ["data.image_size=[32,32]", "training.epochs=1", f"architecture.weights_file={json.dumps(str(file))}"]
    given = [argument for setting in settings for argument in ("--set", setting)]
    arguments = ["--data", str(tiny_images), "--runs-dir", str(run.parent), "--name", run.name, *given]
    trained = cli("run", "directory-cnn", "--architecture", "efficientnet_b0", *arguments)
    assert trained.code == 0, trained.err
    file.unlink()
    predicted = cli("predict", str(run), str(tiny_images), "--json")
    assert predicted.code == 0, predicted.err
    found = {answer["name"]: answer["probabilities"] for answer in json.loads(predicted.out)}
    with (run / "predictions.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert rows
    for row in rows:
        ours = next(probabilities for name, probabilities in found.items() if name.endswith(row["name"]))
        assert ours == {name: pytest.approx(float(row[f"p_{name}"]), rel=1e-6) for name in ours}


def test_a_file_of_another_network_is_refused(tmp_path: Path) -> None:
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]).save_weights(tmp_path / "other.weights.h5")
    options = ApplicationOptions(weights_file=tmp_path / "other.weights.h5")
    with pytest.raises(ValueError, match=r"expected weights of mobilenet_v2 .*other\.weights\.h5"):
        builders.mobilenet_v2(options, input_shape=(64, 64, 3), num_classes=2)


def test_without_a_network_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**arguments: Any) -> None:
        raise OSError("URL fetch failure: no route to host")

    monkeypatch.setattr(keras.applications, "MobileNetV2", refuse)
    with pytest.raises(ValueError, match=r"could not be downloaded .*weights_file=FILE.*weights=none"):
        model._pretrained("mobilenet_v2", (64, 64, 3))


# The smallest of each family; the others differ from them in numbers alone.
@pytest.mark.parametrize(
    "name",
    [
        "convnext_tiny", "densenet121", "efficientnet_b0", "efficientnet_v2_b0", "inception_v3", "mobilenet",
        "mobilenet_v3_small", "nasnet_mobile", "resnet50", "resnet50_v2", "xception",
    ],
)  # fmt: skip
def test_networks_build(name: str) -> None:
    side = 80  # pixels; the Inceptions need 75
    options = ApplicationOptions.model_validate(FROM_SCRATCH)
    built = getattr(builders, name)(options, input_shape=(side, side, 3), num_classes=3)
    assert built.output_shape == (None, 3)
    assert built.get_layer("features").output.shape[:1] == (None,)
