"""Checks of an untrained network: its output, its sizes, its weights, its files."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from cnnforge.errors import CnnforgeError, RecipeError
from cnnforge.host import ArchitectureSpec, EachInt, Options, import_deferred, search_space
from cnnforge.network import load_weights, save_weights, weights_follow
from cnnforge.recipe import validate
from cnnforge.system import call_elsewhere
from cnnforge.testing.failure import fail
from cnnforge.testing.network import UNDER_TEST, Network, noise, outputs_of

MAX_CORNERS = 16
_TOLERANCE = 1e-4


def check_probabilities(model: keras.Model) -> None:
    """Check that the output is probabilities in float32, whether images are whole numbers or not."""
    images = noise(model)
    outputs = outputs_of(model, images)
    if outputs.dtype != np.float32:
        fail(
            f"the output is {outputs.dtype}, expected float32", "end with cnnforge.head, or a layer of dtype='float32'"
        )
    check_range(outputs)
    if not np.allclose(outputs, outputs_of(model, images.astype(np.float32)), atol=1e-6):
        fail("uint8 images and the same as float32 give different results", "let the first layer convert to float32")


def check_range(outputs: np.ndarray, when: str = "") -> None:
    """Check that outputs, shape (images, 1) or (images, classes), are probabilities."""
    _check_finite(outputs, when)
    sums = np.ones(len(outputs)) if outputs.shape[1] == 1 else outputs.sum(axis=1)
    if outputs.min() < 0 or outputs.max() > 1 or not np.allclose(sums, 1, atol=1e-5):
        fail(
            f"{when}the output is no probabilities: from {outputs.min():.3g} to {outputs.max():.3g}, sums"
            f" {sums.round(3)}",
            "end with cnnforge.head(x, num_classes), which applies sigmoid or softmax",
        )


def check_sizes(network: Network) -> None:
    """Check that other image sizes, not square and odd ones too, are built for and give finite numbers."""
    height, width, channels = network.input_shape
    for shape in ((height + 31, width, channels), (height, width + 17, channels)):
        model = replace(network, input_shape=shape).build()
        _check_finite(outputs_of(model, noise(model, size=shape[:2])))


def check_small_images(network: Network) -> None:
    """Check that images of hardly any pixels are computed, or refused with an error that the user understands."""
    for side in (1, 7):
        tiny = replace(network, input_shape=(side, side, network.input_shape[2]))
        try:
            model = tiny.try_to_build()
        except RecipeError:
            continue
        except CnnforgeError as error:
            fail(
                f"an image of {side}×{side} pixels is too small, and that ends in an internal error: {error}",
                "raise ValueError that says how large an image must be; it is shown as a mistake in the recipe",
                error,
            )
        _check_finite(outputs_of(model, noise(model, size=(side, side))), f"for images of {side}×{side} pixels ")


def check_corners(network: Network) -> None:
    """Check that the extremes of the search space can be built."""
    for corner in corners(network.options):
        try:
            network.changed(**corner).try_to_build()
        except CnnforgeError as error:
            fail(
                f"{corner}, a corner of the search space, cannot be built: {error}",
                "narrow the range of the Tune mark, or build that too; `cnnforge tune` would try it",
                error,
            )


def check_search_space(network: Network) -> None:
    """Check that what the architecture's own search space draws can be built: its defaults and some more."""
    draw = import_deferred(str(network.spec.search_space), UNDER_TEST)
    values: dict[str, Any] = {}
    try:
        for number in range(MAX_CORNERS):
            values, drawn = _drawn(draw, seed=number)
            options = validate(network.spec.options, drawn, f"what is refused: {network.spec.name}")
            replace(network, options=options).try_to_build()
    except CnnforgeError as error:
        fail(
            f"the search space fails at {values}: {error}", "draw only what can be built; `cnnforge tune` would", error
        )


def _drawn(draw: Callable[[Any], Mapping[str, Any]], seed: int) -> tuple[dict[str, Any], Mapping[str, Any]]:
    """Return values of Keras Tuner's hyperparameters and the options drawn with them: the defaults for seed 0."""
    import keras_tuner

    values: dict[str, Any] = {}
    while True:
        hyperparameters = keras_tuner.HyperParameters()
        hyperparameters.values.update(values)
        options = draw(hyperparameters)
        asked = [h for h in hyperparameters.space if h.name not in values]
        if not asked:
            return {f"architecture.{name}": value for name, value in values.items()}, options
        values |= {h.name: h.random_sample(seed + len(values)) if seed else h.default for h in asked}


def corners(options: Options) -> Iterator[dict[str, Any]]:
    """Yield the corners of a search space: all of them, or where they are many, each alone and the two far ends."""
    fields = type(options).model_fields
    values = {name: _corner_values(options, name) for name in fields if search_space(type(options), name)}
    combinations = itertools.product(*values.values())
    if np.prod([len(v) for v in values.values()]) > MAX_CORNERS:
        ends = [tuple(v[end] for v in values.values()) for end in (0, -1)]
        yield from (dict(zip(values, end, strict=True)) for end in ends)
        yield from [{name: value} for name, extremes in values.items() for value in extremes][:MAX_CORNERS]
    elif values:
        yield from (dict(zip(values, combination, strict=True)) for combination in combinations)


def _corner_values(options: Options, name: str) -> tuple[Any, ...]:
    space = search_space(type(options), name)
    if isinstance(space, EachInt):  # as many as there are now
        return tuple(corner * len(getattr(options, name)) for corner in space.corners())
    return space.corners() if space else ()


def check_seed(network: Network) -> None:
    """Check that the same seed gives the same weights."""
    first, second = (network.build(seed=7) for _ in range(2))
    pairs = zip(first.weights, second.weights, strict=True)
    differing = [a.path for a, b in pairs if not np.array_equal(*map(keras.ops.convert_to_numpy, (a, b)))]
    if differing:
        fail(
            f"two networks of one seed differ in {', '.join(differing)}",
            "draw weights with Keras's initializers, or from keras.random; generators of your own have other seeds",
        )


def check_saving(model: keras.Model, folder: Path) -> None:
    """Check that a saved model can be loaded without the plugin's help, and gives the same."""
    try:
        model.save(folder / "model.keras")
        loaded = keras.saving.load_model(folder / "model.keras")
    except Exception as error:
        fail(
            f"the model cannot be saved and loaded: {type(error).__name__}: {error}",
            "decorate layers of your own with @keras.saving.register_keras_serializable(package=…), give them"
            " get_config, and use no Lambda layer",
            error,
        )
    if not np.allclose(outputs_of(model, noise(model)), outputs_of(loaded, noise(model)), atol=1e-6):
        fail(
            "the model gives other results after saving and loading",
            "make every value that it computes with a weight, or return it from the layer's get_config",
        )


def check_own_weights(network: Network, folder: Path) -> None:
    """Check that a network built anew, without pretrained weights, is the same once it has a trained one's weights."""
    model = network.build(seed=1)
    save_weights(model, folder / "weights.npz")
    with weights_follow():
        rebuilt = network.build(seed=2)
    load_weights(rebuilt, folder / "weights.npz")
    if not np.allclose(outputs_of(model, noise(model)), outputs_of(rebuilt, noise(model)), atol=1e-6):
        fail(
            "the network gives other results when it is built again and given the same weights",
            "make every value that it computes with a weight, and ask cnnforge.wants_pretrained() about weights alone",
        )


def check_backbone(model: keras.Model, name: str) -> None:
    """Check that the backbone is a layer through which all of the network goes, and which works apart from the head."""
    from cnnforge.training import split_at

    try:
        backbone, head = split_at(model, name)
    except ValueError as error:
        fail(f"the spec names the backbone {name!r}: {error}", "name the layer whose output is all that the head takes")
    images = noise(model)
    if not np.allclose(outputs_of(model, images), outputs_of(head, outputs_of(backbone, images)), atol=1e-5):
        fail(f"the layers up to {name!r} and those after it do not make up the network", "name another layer")


def check_backend(network: Network, backend: str, folder: Path) -> None:
    """Check that the network with the same weights gives the same on another backend, in a process of its own."""
    model = network.build()
    save_weights(model, folder / "weights.npz")
    np.save(folder / "images.npy", noise(model), allow_pickle=False)
    spec = {"name": network.spec.name, "summary": network.spec.summary, "build": network.spec.build}
    options = f"{network.spec.options.__module__}:{network.spec.options.__qualname__}"
    values = network.options.model_dump_json(exclude_none=True)
    arguments = (spec, options, values, network.input_shape, str(folder))
    done = call_elsewhere(f"{__name__}:write_outputs", *arguments, KERAS_BACKEND=backend)
    remedy = "use the keras API alone, no tensorflow, or do not claim that backend"
    if done.returncode:
        fail(f"the network fails on {backend}:\n{done.stderr[-2000:]}", remedy)
    difference = np.abs(outputs_of(model, noise(model)) - np.load(folder / "outputs.npy")).max()
    if not difference < _TOLERANCE:
        fail(f"the network gives other results on {backend}, by up to {difference:.2g}", remedy)


def write_outputs(spec: dict[str, Any], options: str, values: str, input_shape: list[int], folder: str) -> None:
    """Build a network, give it the weights in a folder and write what it gives for the images there."""
    height, width, channels = input_shape
    owner: Any = import_deferred(options, "options")
    network = Network(ArchitectureSpec(**spec), owner.model_validate_json(values), (height, width, channels))
    with weights_follow():
        model = network.try_to_build()
    load_weights(model, Path(folder) / "weights.npz")
    np.save(Path(folder) / "outputs.npy", outputs_of(model, np.load(Path(folder) / "images.npy")), allow_pickle=False)


def _check_finite(outputs: np.ndarray, where: str = "") -> None:
    if not np.isfinite(outputs).all():
        fail(
            f"{where}the output is not finite: {outputs.ravel()[:4]}",
            "look for a division by zero, a logarithm of 0 or an average over no pixels; refuse with ValueError sizes"
            " that cannot work",
        )
