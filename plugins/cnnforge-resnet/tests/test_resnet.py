"""The residual network: the contract of architectures, its depth, its skipped blocks; and the recipe, trained."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from cnnforge_resnet import ARCHITECTURE, ResNetOptions
from cnnforge_resnet.model import build

from cnnforge.testing import ArchitectureContract

SIDE = 32  # pixels


def images(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, SIDE, SIDE, 3)).astype(np.float32)


class TestResNet(ArchitectureContract):
    spec = ARCHITECTURE
    input_shape = (SIDE, SIDE, 3)


@pytest.mark.parametrize("depth", [10, 18, 34])
def test_depth_counts_layers_with_weights_but_those_of_shortcuts(depth: int) -> None:
    model = build(ResNetOptions(depth=depth, width=4), input_shape=(SIDE, SIDE, 3), num_classes=2)
    counted = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense)]
    assert len([layer for layer in counted if "shortcut" not in layer.name]) == depth


def test_width_doubles_from_stage_to_stage() -> None:
    model = build(ResNetOptions(width=6), input_shape=(SIDE, SIDE, 3), num_classes=2)
    assert [model.get_layer(f"stage_{stage}_block_2_add").output.shape[-1] for stage in (1, 2, 3, 4)] == [6, 12, 24, 48]


def test_stochastic_depth_leaves_out_the_blocks_of_some_images_and_only_in_training() -> None:
    keras.utils.set_random_seed(0)
    model = build(ResNetOptions(depth=10, width=4, stochastic_depth=0.5), input_shape=(SIDE, SIDE, 3), num_classes=2)
    skip = model.get_layer("stage_4_block_1_skip")
    added = keras.Model(model.input, [skip.input, skip.output])
    before, after = (keras.ops.convert_to_numpy(values) for values in added(images(64), training=True))
    is_left_out = np.all(after == 0, axis=(1, 2, 3))
    assert 16 <= is_left_out.sum() <= 48
    np.testing.assert_allclose(after[~is_left_out], 2 * before[~is_left_out], rtol=1e-5)
    before, after = (keras.ops.convert_to_numpy(values) for values in added(images(64), training=False))
    np.testing.assert_array_equal(before, after)


def test_earlier_blocks_are_skipped_less() -> None:
    model = build(ResNetOptions(width=4, stochastic_depth=0.4), input_shape=(SIDE, SIDE, 3), num_classes=2)
    rates = [layer.rate for layer in model.layers if layer.name.endswith("_skip")]
    np.testing.assert_allclose(rates, np.arange(1, 9) * 0.05)


def test_the_recipe_trains(cli: Callable[..., Any], tmp_path: Path) -> None:
    changes = ["data.image_size=[32,32]", "data.subset=0.1", "architecture.width=4", "training.epochs=2"]
    changes += ["training.schedule.warmup_epochs=1", "data.store=off"]
    sets = [part for change in changes for part in ("--set", change)]
    result = cli("run", "catsdogs-scratch", *sets, "--runs-dir", str(tmp_path), "--name", "one")
    assert result.code == 0, result.out + result.err
    lines = [json.loads(line) for line in (tmp_path / "one" / "metrics.jsonl").read_text().splitlines()]
    assert len(lines) == 2
    assert all(np.isfinite(line["loss"]) for line in lines)
