"""Presets of KerasHub from folders, since names need a network connection: the contract, scaling, weights, mistakes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import keras_hub
import numpy as np
import pytest
from cnnforge_kerashub import ARCHITECTURE, KerasHubOptions
from cnnforge_kerashub.model import build

from cnnforge.testing import ArchitectureContract

SIDE = 32
SCALE, OFFSET = [0.01, 0.02, 0.03], [-1.0, -0.5, 0.25]


def write_preset(folder: Path, backbone: keras.Model, classifier: Any, preprocessor: Any, converter: Any) -> Path:
    """Write what KerasHub publishes: a backbone, how its images are scaled, and a head for its own classes."""
    images = converter(image_size=(SIDE, SIDE), scale=SCALE, offset=OFFSET)
    classifier(backbone=backbone, preprocessor=preprocessor(images), num_classes=5).save_to_preset(str(folder))
    return folder


def resnet() -> keras.Model:
    return keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[3],
        stackwise_num_filters=[64, 64],
        stackwise_num_blocks=[1, 1],
        stackwise_num_strides=[1, 2],
        block_type="basic_block",
        image_shape=(None, None, 3),
    )


@pytest.fixture(scope="session")
def preset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    keras.utils.set_random_seed(3)
    models, folder = keras_hub.models, tmp_path_factory.mktemp("presets") / "resnet"
    kinds = (models.ResNetImageClassifier, models.ResNetImageClassifierPreprocessor)
    return write_preset(folder, resnet(), *kinds, keras_hub.layers.ResNetImageConverter)


@pytest.fixture(scope="session")
def transformer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    models, folder = keras_hub.models, tmp_path_factory.mktemp("presets") / "vit"
    backbone = models.ViTBackbone(
        image_shape=(SIDE, SIDE, 3), patch_size=8, num_layers=1, num_heads=2, hidden_dim=16, mlp_dim=16
    )
    kinds = (models.ViTImageClassifier, models.ViTImageClassifierPreprocessor)
    return write_preset(folder, backbone, *kinds, keras_hub.layers.ViTImageConverter)


class TestKerasHub(ArchitectureContract):
    spec = ARCHITECTURE
    input_shape = (SIDE, SIDE, 3)

    @pytest.fixture(autouse=True)
    def untrained(self, preset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(type(self), "options", {"preset": str(preset), "weights": "none"})


def images(count: int = 2) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, SIDE, SIDE, 3)).astype(np.float32)


def test_the_features_are_those_of_the_preset_on_images_scaled_as_it_says(preset: Path) -> None:
    built = build(KerasHubOptions(preset=str(preset)), input_shape=(SIDE, SIDE, 3), num_classes=2)
    assert [weight.path for weight in built.trainable_weights] == ["probabilities/kernel", "probabilities/bias"]
    ours = keras.Model(built.input, built.get_layer("features").output)(images())
    original = keras_hub.models.Backbone.from_preset(str(preset))
    theirs = keras.ops.mean(original(images() * np.float32(SCALE) + np.float32(OFFSET)), axis=(1, 2))
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_tokens_of_a_transformer_are_averaged(transformer: Path) -> None:
    options = KerasHubOptions(preset=str(transformer), trainable="all")
    built = build(options, input_shape=(SIDE, SIDE, 3), num_classes=3)
    assert built.output_shape == (None, 3)
    assert built.get_layer("features").output.shape == (None, 16)
    assert len(built.trainable_weights) > 2


def test_another_size_than_the_preset_s_is_refused_with_the_setting(transformer: Path) -> None:
    with pytest.raises(ValueError, match=r"data\.image_size=\[32,32\]"):
        build(KerasHubOptions(preset=str(transformer)), input_shape=(48, 48, 3), num_classes=2)


def test_grey_images_for_a_preset_of_coloured_ones_are_refused_with_the_setting(preset: Path) -> None:
    with pytest.raises(ValueError, match=r"received \(32, 32, 1\): set data\.color_mode='rgb'$"):
        build(KerasHubOptions(preset=str(preset)), input_shape=(SIDE, SIDE, 1), num_classes=2)


def test_a_folder_that_holds_no_preset_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected a preset of KerasHub with an image backbone, received"):
        build(KerasHubOptions(preset=str(tmp_path)), input_shape=(SIDE, SIDE, 3), num_classes=2)


def test_a_run_trains_the_head_on_features_computed_once(
    cli: Any, tiny_images: Path, preset: Path, tmp_path: Path
) -> None:
    changes = [
        f"architecture.preset={preset}",
        "data.image_size=[32,32]",
        "training.epochs=2",
        "training.precision=float32",
        "training.batch_size=8",
    ]
    sets = [part for change in changes for part in ("--set", change)]
    chosen = ["--architecture", "kerashub", "--data", str(tiny_images), "--runs-dir", str(tmp_path), "--name", "one"]
    result = cli("run", "directory-cnn", *chosen, *sets)
    assert result.code == 0, result.out + result.err
    assert "computed once" in result.out
    assert (tmp_path / "one" / "report.html").is_file()
