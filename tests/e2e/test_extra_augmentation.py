"""Augmentations that the core does not know, in whole runs: recorded, repeated, resumed, and named when they fail."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnforge.errors import PluginError, RecipeError
from cnnforge.host.plugin_host import PluginHost
from cnnforge.host.registry import Registry
from tests.conftest import Site
from tests.e2e.test_resume import figures, go_on
from tests.e2e.test_run import make_photographs, train

SOURCE = """
from typing import Annotated

import cnnforge
from cnnforge import Field

class NoiseOptions(cnnforge.Options):
    amount: Annotated[int, Field(ge=1, description="levels")] = 40

@cnnforge.hookimpl
def cnnforge_augmentations():
    yield cnnforge.AugmentationSpec(name="acme_noise", summary="Noise", apply="acme:noise", options=NoiseOptions)

def noise(images, generator, options):
    added = generator.integers(0, options.amount, images.shape, "uint8")
    return images // 2 + added

def shifted(images, generator, by=0):
    return images + generator.integers(0, 1 + by, len(images)).astype("uint8")[:, None, None, None]

calls = []

def failing(images, generator, after):
    calls.append(1)
    if len(calls) > after:
        raise ZeroDivisionError("at last")
    return images
"""
EXTRA = 'training.augmentation={flip="horizontal", extra=["acme_noise", {name="acme:shifted", by=9}, "jpeg"]}'


@pytest.fixture
def registry(site: Site) -> Registry:
    site.install("acme", SOURCE)
    return Registry(PluginHost.discover())


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    return make_photographs(tmp_path / "photographs", ["apple", "pear"], per_class=30)


def test_a_run_records_what_it_used_and_goes_on_to_the_same_bits(
    registry: Registry, photographs: Path, tmp_path: Path
) -> None:
    whole = train(registry, tmp_path, photographs, EXTRA, "training.epochs=2", name="whole")
    parts = train(registry, tmp_path, photographs, EXTRA, "training.epochs=1", name="parts")
    warnings = go_on(parts, registry, "training.epochs=2", accept_changes=True)
    assert [line for line in warnings if "equal" in line] == []
    assert figures(parts) == figures(whole)
    assert parts.predictions.read_bytes() == whole.predictions.read_bytes()

    recorded = tomllib.loads(whole.recipe.read_text(encoding="utf-8"))["training"]["augmentation"]["extra"]
    assert recorded == [
        {"name": "acme_noise", "amount": 40},
        {"name": "acme:shifted", "by": 9},
        {"name": "jpeg", "share": 0.5, "min_quality": 30},
    ]
    plugins = whole.read_run()["plugins"]
    assert plugins["augmentation acme_noise"] == {"name": "acme_noise", "plugin": "acme:main", "version": "1.0"}
    with Image.open(whole.augmentation) as sheet:
        pixels = np.asarray(sheet).astype(float)
    side = pixels.shape[1] // 8
    assert pixels[:, side:].mean() < 0.8 * pixels[:, :side].mean()  # acme_noise darkens; the first column is as it is


def test_without_extras_nothing_of_them_is_recorded(registry: Registry, photographs: Path, tmp_path: Path) -> None:
    plain = train(registry, tmp_path, photographs, "training.augmentation='light'", "training.epochs=1")
    assert "extra =" not in plain.recipe.read_text(encoding="utf-8")
    assert set(plain.read_run()["plugins"]) == {"architecture", "data_source"}


@pytest.mark.parametrize("after", [0, 12])
def test_one_that_fails_is_named_whenever_it_does(
    registry: Registry, photographs: Path, tmp_path: Path, after: int
) -> None:
    failing = f'training.augmentation={{extra=[{{name="acme:failing", after={after}}}]}}'
    with pytest.raises(PluginError, match=r"training\.augmentation\.extra: acme:failing: ZeroDivisionError: at last"):
        train(registry, tmp_path, photographs, failing, "training.epochs=4")


def test_arguments_that_a_function_does_not_take_are_refused(
    registry: Registry, photographs: Path, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError, match=r"acme:shifted does not accept its arguments: .*'buy'"):
        train(registry, tmp_path, photographs, 'training.augmentation={extra=[{name="acme:shifted", buy=1}]}')
