"""Each check of the contract of architectures finds its fault, says what to do, and passes a sound network."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pytest

import cnnforge
from cnnforge import Field, Tune
from cnnforge.testing import learning_checks, network_checks, plugin_checks
from cnnforge.testing.network import Network

pytestmark = pytest.mark.slow

Check = Callable[[Network, Path], None]


class UnitsOptions(cnnforge.Options):
    units: Annotated[int, Field(ge=1, description="filters"), Tune.choice(8, 16)] = 8


BUILDS = {"draws_what_is_refused": "sound", "draws_what_fails": "corner_fails"}
DRAWN = {"draws_what_is_refused": "draws_too_few_units"}


def network(build: str, **spec: Any) -> Network:
    described = {"name": "broken", "summary": "broken", "options": UnitsOptions, "input_shape": (16, 16, 3), **spec}
    module = "tests.unit.testing.broken_networks"
    described |= {"search_space": f"{module}:{DRAWN.get(build, 'draws_units')}"}
    found = cnnforge.ArchitectureSpec(build=f"{module}:{BUILDS.get(build, build)}", **described)
    return Network(found, UnitsOptions(), found.input_shape)


CHECKS: dict[str, Check] = {
    "probabilities": lambda n, _: network_checks.check_probabilities(n.build(7)),
    "sizes": lambda n, _: network_checks.check_sizes(n),
    "small_images": lambda n, _: network_checks.check_small_images(n),
    "corners": lambda n, _: network_checks.check_corners(n),
    "search_space": lambda n, _: network_checks.check_search_space(n),
    "build": lambda n, _: n.build(),
    "seed": lambda n, _: network_checks.check_seed(n),
    "saving": lambda n, folder: network_checks.check_saving(n.build(), folder),
    "own_weights": lambda n, folder: network_checks.check_own_weights(n, folder),
    "backbone": lambda n, _: network_checks.check_backbone(n.build(), n.spec.backbone or "features"),
    "precision": lambda n, _: learning_checks.check_precision(n, "mixed_bfloat16"),
    "weights": lambda n, _: learning_checks.check_every_weight_learns(n),
    "repeats": lambda n, _: learning_checks.check_repeats(n),
    "by_heart": lambda n, _: learning_checks.check_learns_by_heart(n),
}

# The fault, the check that finds it, what it says is wrong and what it says to do.
BROKEN = [
    ("corner_fails", "corners", "{'units': 16}, a corner of the search space, cannot be built", "narrow the range"),
    ("draws_what_is_refused", "search_space", "what is refused: .*units", "draw only what can be built"),
    ("draws_what_fails", "search_space", "fails at .*'architecture.units': 16.*: .*KeyError", "draw only what can be"),
    ("ignores_num_classes", "probabilities", r"expected output shape \(None, 7\) for 7 classes", "cnnforge.head"),
    ("one_size_only", "sizes", r"expected input shape \(None, 47, 16, 3\)", "mend what build does"),
    ("logits", "probabilities", "the output is no probabilities", "cnnforge.head"),
    ("head_in_bfloat16", "precision", "under mixed_bfloat16 the output is bfloat16", "dtype='float32'"),
    ("compiled", "build", "expected a model that is not compiled; the recipe decides", "mend what build does"),
    ("own_randomness", "seed", "two networks of one seed differ in dense", "Keras's initializers"),
    ("idle_weight", "weights", "no gradient reaches .*idle/kernel", "trainable = False"),
    ("with_a_lambda", "saving", "cannot be saved and loaded", "use no Lambda layer"),
    ("forgets_when_saved", "saving", "gives other results after saving", "get_config"),
    ("draws_a_number", "own_weights", "gives other results when it is built again", "wants_pretrained"),
    ("learns_nothing", "by_heart", "are not learned in 60 steps", "scale images inside the model"),
    ("all_frozen", "weights", "no trainable weight", "the head must learn"),
    ("index_error_when_small", "small_images", "1×1 pixels is too small, .* internal error", "raise ValueError"),
    ("average_of_nothing", "small_images", "for images of 1×1 pixels the output is not finite", "refuse with ValueErr"),
    ("not_finite", "probabilities", "the output is not finite", "a logarithm of 0"),
    ("leaves_the_range", "weights", "after three steps the output is no probabilities", "cnnforge.head"),
    ("draws_from_tensorflow", "repeats", "two trainings of one seed differ in .*kernel", "keras.random.SeedGenerator"),
    ("draws_from_numpy", "repeats", "two trainings of one seed differ in .*kernel", "keras.random.SeedGenerator"),
    ("draws_from_the_global_seed", "repeats", "two trainings of one seed differ in .*kernel", "keras.random.SeedGen"),
    ("fails", "build", "ZeroDivisionError: division by zero", "mend what build does"),
]


@pytest.mark.parametrize(("build", "check", "problem", "remedy"), BROKEN, ids=[broken[0] for broken in BROKEN])
def test_a_broken_network_is_found_and_the_remedy_said(
    build: str, check: str, problem: str, remedy: str, tmp_path: Path
) -> None:
    with pytest.raises(pytest.fail.Exception, match=rf"(?s){problem}.*\n→ .*{remedy}"):
        CHECKS[check](network(build), tmp_path)


@pytest.mark.parametrize("check", [check for check in CHECKS if check != "backbone"])
@pytest.mark.parametrize("build", ["subclassed", "two_heads", "two_heads_subclassed", "own_loss", "draws_by_keras"])
def test_every_idiom_of_keras_passes(build: str, check: str, tmp_path: Path) -> None:
    CHECKS[check](network(build), tmp_path)


@pytest.mark.parametrize("check", CHECKS)
def test_a_sound_network_passes(check: str, tmp_path: Path) -> None:
    CHECKS[check](network("sound"), tmp_path)


def test_a_backbone_that_is_no_layer_is_found() -> None:
    broken = network("sound", backbone="trunk")
    with pytest.raises(pytest.fail.Exception, match=r"the backbone 'trunk'.*\n→ name the layer"):
        network_checks.check_backbone(broken.build(), "trunk")


class ManyOptions(cnnforge.Options):
    filters: Annotated[tuple[int, ...], Field(description="filters"), Tune.each_int(8, 128, step=8)] = (16, 32)
    a: Annotated[int, Field(description="a"), Tune.choice(1, 2, 3, 4)] = 1
    b: Annotated[int, Field(description="b"), Tune.int(1, 9)] = 1
    c: Annotated[float, Field(description="c"), Tune.float(0.0, 0.5)] = 0.1


def test_the_corners_of_a_large_space_are_bounded_and_keep_the_length_of_lists() -> None:
    corners = list(network_checks.corners(ManyOptions()))
    assert len(corners) <= network_checks.MAX_CORNERS + 2
    assert {"filters": (8, 8), "a": 1, "b": 1, "c": 0.0} in corners
    assert {"filters": (128, 128), "a": 4, "b": 9, "c": 0.5} in corners
    assert {"b": 9} in corners
    assert list(network_checks.corners(UnitsOptions())) == [{"units": 8}, {"units": 16}]
    assert list(network_checks.corners(cnnforge.Options())) == []


HEAVY = """
import numpy
import cnnforge

SPEC = cnnforge.ArchitectureSpec(name="heavy", summary="heavy", build="heavy:build")

@cnnforge.hookimpl
def cnnforge_architectures():
    yield SPEC
"""


def test_a_heavy_entry_module_is_found(site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.install("heavy", HEAVY)
    monkeypatch.setenv("PYTHONPATH", str(site.path))
    module = plugin_checks.entry_module(importlib.import_module("heavy").SPEC)
    with pytest.raises(pytest.fail.Exception, match=r"importing heavy imports numpy, .*\n→ import it in the module"):
        plugin_checks.check_entry_module_is_light(module)


def test_an_entry_module_that_cannot_be_imported_is_found(site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.install("unfinished", "import not_installed_anywhere")
    monkeypatch.setenv("PYTHONPATH", str(site.path))
    with pytest.raises(pytest.fail.Exception, match=r"(?s)No module named 'not_installed_anywhere'.*\n→ mend the"):
        plugin_checks.check_entry_module_is_light("unfinished")


def test_a_plugin_that_is_not_installed_is_found(site) -> None:
    site.install("unfinished", "import not_installed_anywhere")
    with pytest.raises(pytest.fail.Exception, match=r"(?s)no installed plugin brings .*unfinished.*\n→ add "):
        plugin_checks.entry_module(network("sound").spec)


class OutsideOptions(cnnforge.Options):
    units: Annotated[int, Field(description="units"), Tune.choice(8, 16)] = 12


class MuteOptions(cnnforge.Options):
    units: int = 8


class ShyOptions(cnnforge.Options):
    units: Annotated[int, Field(ge=10, description="units")] = 8


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"name": "Broken-Net"}, "expected a name like"),
        ({"summary": "x" * 200}, "at most 100 characters"),
        ({"options": OutsideOptions}, "default 12 lies outside its search space"),
    ],
)
def test_an_unsound_spec_is_found(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(pytest.fail.Exception, match=f"{problem}.*\n→ mend the spec"):
        plugin_checks.check_spec(network("sound", **changes).spec)


@pytest.mark.parametrize(
    ("options", "problem"),
    [(MuteOptions, "units has no description\n→ give it one"), (ShyOptions, "refuses its own settings")],
)
def test_options_that_no_recipe_can_hold_are_found(options: type[cnnforge.Options], problem: str) -> None:
    with pytest.raises(pytest.fail.Exception, match=problem):
        plugin_checks.check_options(options)


def test_sound_options_and_specs_pass() -> None:
    plugin_checks.check_spec(network("sound").spec)
    plugin_checks.check_options(UnitsOptions)
    plugin_checks.check_options(ManyOptions)


def test_another_backend_is_tried_in_a_process_of_its_own(tmp_path: Path) -> None:
    network_checks.check_backend(network("sound"), "tensorflow", tmp_path)


def test_a_network_that_fails_on_another_backend_is_found(tmp_path: Path) -> None:
    with pytest.raises(pytest.fail.Exception, match=r"(?s)the network fails on nowhere.*\n→ use the keras API alone"):
        network_checks.check_backend(network("sound"), "nowhere", tmp_path)
