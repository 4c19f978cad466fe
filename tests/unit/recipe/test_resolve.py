"""Resolving: plugins found, options checked, every default written out, nothing heavy imported."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pytest

import cnnforge
from cnnforge import Field
from cnnforge.errors import RecipeError, UnknownNameError
from cnnforge.recipe.loading import load_recipe
from cnnforge.recipe.resolving import resolve
from cnnforge_tuning.ranges import available_spaces, search_spaces


def test_a_resolved_recipe_has_every_default_written_out(recipe_file, registry):
    resolved = resolve(load_recipe(recipe_file(architecture="units = 16"), registry), registry)
    assert resolved.recipe.architecture.model_extra == {"units": 16, "rate": 0.0, "is_deep": False}
    assert resolved.recipe.data.model_extra == {"seed": 0}
    assert resolved.recipe.data.image_size == (32, 48)
    assert resolved.architecture_options.units == 16
    assert (resolved.architecture.plugin, resolved.data_source.plugin) == ("small:main", "small:main")


def test_a_resolved_recipe_resolves_to_itself(recipe_file, registry, tmp_path):
    lines = '[training]\noptimizer = { name = "sgd", momentum = 0.9 }\n[tuning]\nsearch = ["architecture.units"]'
    resolved = resolve(load_recipe(recipe_file(lines, data='path = "photos.zip"'), registry), registry)
    recorded = tmp_path / "recorded.toml"
    recorded.write_text(resolved.recipe.to_toml(), encoding="utf-8")
    assert resolve(load_recipe(str(recorded), registry), registry) == resolved


@pytest.mark.parametrize(
    ("data", "shape"),
    [
        ("", (32, 48, 3)),
        ("image_size = [64, 80]", (64, 80, 3)),
        ('color_mode = "grayscale"', (32, 48, 1)),
    ],
)
def test_the_input_shape_is_the_recipe_s_or_else_the_architecture_s(recipe_file, registry, data, shape):
    assert resolve(load_recipe(recipe_file(data=data), registry), registry).input_shape == shape


def test_paths_are_recorded_absolute(recipe_file, registry, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    relative = resolve(load_recipe(recipe_file(data='path = "photos"'), registry), registry)
    home = resolve(load_recipe(recipe_file(data='path = "~/photos"'), registry), registry)
    assert relative.data_options.path == tmp_path / "photos"
    assert home.data_options.path == Path.home() / "photos"


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"architecture": "unitz = 3"}, "unknown setting architecture.unitz. Did you mean 'units'?"),
        ({"architecture": "units = 65"}, "architecture.units: expected less than or equal to 64, received units=65"),
        ({"architecture": 'units = "8"'}, 'architecture.units: expected a valid integer, received units="8"'),
        ({"data": "sed = 3"}, "unknown setting data.sed. Did you mean 'seed'?"),
        ({"data": "image_sise = [1, 1]"}, "unknown setting data.image_sise. Did you mean 'image_size'?"),
        ({"data": "path = 3"}, "data.path: "),
        ({"lines": '[training]\noptimizer = "rmsporp"'}, "training.optimizer: unknown name 'rmsporp'. Did you mean"),
        ({"lines": '[training]\nmetrics = ["accuracy", "acuracy"]'}, "training.metrics[1]: unknown name 'acuracy'"),
        ({"lines": '[tuning]\nsearch = ["architecture.unit"]'}, "Did you mean 'architecture.units'?"),
        ({"lines": '[tuning]\nsearch = ["architecture.rate"]'}, "'architecture.rate' has no search space"),
    ],
)
def test_a_mistake_in_what_plugins_or_keras_declare_is_named(recipe_file, registry, sections, message):
    with pytest.raises(RecipeError) as caught:
        resolve(load_recipe(recipe_file(**sections), registry), registry)
    assert message in str(caught.value)


@pytest.mark.parametrize("override", ["architecture.name=tinny", "data.source=photo"])
def test_an_unknown_plugin_name_is_answered_with_the_close_one(recipe_file, registry, override):
    with pytest.raises(UnknownNameError, match=r"Did you mean '(tiny|photos)'"):
        resolve(load_recipe(recipe_file(), registry, [override]), registry)


def test_search_spaces_are_those_that_the_recipe_names(recipe_file, registry):
    lines = '[tuning]\nsearch = ["training.learning_rate", "architecture.units"]'
    resolved = resolve(load_recipe(recipe_file(lines), registry), registry)
    assert {key: space.describe() for key, space in search_spaces(resolved).items()} == {
        "training.learning_rate": "0.0001 to 0.01, log",
        "architecture.units": "8 | 16",
    }
    assert set(available_spaces(resolved.architecture.spec.options)) == {
        "architecture.units",
        "training.batch_size",
        "training.learning_rate",
    }


class NoiseOptions(cnnforge.Options):
    amount: Annotated[float, Field(ge=0)] = 0.5


class NoisePlugin:
    @cnnforge.hookimpl
    def cnnforge_augmentations(self):
        yield cnnforge.AugmentationSpec(name="acme_noise", summary="one", apply="nowhere:noise", options=NoiseOptions)


@pytest.mark.parametrize("section", ["training", "training.fine_tuning"])
@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ('"acme_nose"', "unknown augmentation 'acme_nose'. Did you mean 'acme_noise'"),
        ('{name="acme_noise", amuont=1.0}', r"augmentation\.extra\[0\].*amuont.* Did you mean 'amount'"),
        ('{name="acme_noise", amount=-1.0}', r"augmentation\.extra\[0\]\.amount.*-1"),
    ],
)
def test_further_augmentations_are_checked_before_anything_is_imported(registry, recipe_file, section, extra, message):
    registry.host.register(NoisePlugin(), "acme:main")
    lines = f"[{section}]\naugmentation = {{extra=[{extra}]}}"
    with pytest.raises(RecipeError, match=message):
        resolve(load_recipe(recipe_file(lines), registry), registry)


def test_further_augmentations_are_completed_and_known_by_name(registry, recipe_file):
    registry.host.register(NoisePlugin(), "acme:main")
    lines = '[training]\naugmentation = {flip="both", extra=["acme_noise", "mine:function"]}'
    resolved = resolve(load_recipe(recipe_file(lines), registry), registry)
    written = resolved.recipe.model_dump(mode="json")["training"]["augmentation"]["extra"]
    assert written == [{"name": "acme_noise", "amount": 0.5}, "mine:function"]
    assert {name: entry.plugin for name, entry in resolved.augmentations.items()} == {"acme_noise": "acme:main"}
