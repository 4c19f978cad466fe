"""Building the network of a recipe and checking that it keeps the contract of architectures."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import keras

from cnnforge.errors import CnnforgeError, PluginError, RecipeError
from cnnforge.host import ArchitectureSpec, Entry, Options, import_deferred
from cnnforge.network import components
from cnnforge.network.normalization import finalize_constants
from cnnforge.network.pretrained import weights_follow
from cnnforge.network.weights import load_weights
from cnnforge.recipe import ResolvedRecipe

OUTPUT = "probabilities"
"""Which of several outputs of a network is the one that is trained and used."""

_TRAINING = ("train_step", "test_step", "compute_loss", "compute_metrics")


def build_model(resolved: ResolvedRecipe, num_classes: int, *, policy: str = "float32") -> keras.Model:
    """Return the recipe's network, built and not compiled; arguments and errors as of :func:`build_network`."""
    return build_network(
        resolved.architecture, resolved.architecture_options, resolved.input_shape, num_classes, policy=policy
    )


def build_network(
    architecture: Entry[ArchitectureSpec],
    options: Options,
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    policy: str = "float32",
) -> keras.Model:
    """Return the network of an architecture, built and not compiled.

    Args:
        architecture: What is to be built, and whose it is.
        options: Its options, checked.
        input_shape: Height, width and channels of the images.
        num_classes: At least 2.
        policy: Keras dtype policy of the layers; weights are float32 under all that are used here.

    Raises:
        RecipeError: The architecture refuses these options or this image size.
        PluginError: It fails, or what it returns breaks the contract.
    """
    spec = architecture.spec
    owner = f"architecture {spec.name!r} of plugin {architecture.plugin}"
    build = import_deferred(spec.build, owner)
    with _dtype_policy(policy), warnings.catch_warnings():
        # Of a subclass, which is built here by calling it.
        warnings.filterwarnings("ignore", r"`build\(\)` was called on layer", UserWarning)
        try:
            return _checked(
                build(options, input_shape=input_shape, num_classes=num_classes), input_shape, num_classes, owner
            )
        except CnnforgeError:
            raise
        except ValueError as error:
            raise RecipeError(f"{owner} cannot be built: {error}") from error
        except Exception as error:
            raise PluginError(f"{owner} failed: {type(error).__name__}: {error}") from error


def trained_model(resolved: ResolvedRecipe, num_classes: int, weights: Path, sha256: str | None) -> keras.Model:
    """Return the recipe's network with the weights of a run, whose file is checked as ``load_weights`` does."""
    with weights_follow():
        model = build_model(resolved, num_classes)
    load_weights(model, weights, sha256)
    return model


def compiled_model(resolved: ResolvedRecipe, num_classes: int, steps_per_epoch: int, policy: str) -> keras.Model:
    """Return the recipe's network compiled as ``[training]`` says, its weights drawn from the recipe's seed."""
    keras.utils.set_random_seed(resolved.recipe.training.seed)
    model = build_model(resolved, num_classes, policy=policy)
    compile_model(model, resolved, num_classes, steps_per_epoch)
    return model


def compile_model(model: keras.Model, resolved: ResolvedRecipe, num_classes: int, steps_per_epoch: int) -> None:
    """Compile a network as ``[training]`` says, with a fresh optimizer."""
    training = resolved.recipe.training
    model.compile(
        optimizer=components.build_optimizer(training, steps_per_epoch),
        loss=components.build_loss(training, num_classes),
        metrics=components.build_metrics(training),
    )


def trains_itself(model: keras.Model) -> bool:
    """Return whether a network's class brings a training step, a loss or metrics of its own."""
    return any(getattr(type(model), name) is not getattr(keras.Model, name) for name in _TRAINING)


def _checked(model: object, input_shape: tuple[int, int, int], num_classes: int, owner: str) -> keras.Model:
    """Return a network that keeps the contract, of several outputs the part that gives probabilities."""
    if not isinstance(model, keras.Model):
        raise PluginError(f"{owner}: expected a keras.Model, received {type(model).__name__}")
    if model.compiled:
        raise PluginError(f"{owner}: expected a model that is not compiled; the recipe decides how it is trained")
    is_graph = hasattr(model, "input_shape")
    if is_graph and model.input_shape not in ((None, *input_shape), (None, None, None, input_shape[2])):
        raise PluginError(f"{owner}: expected input shape {(None, *input_shape)}, received {model.input_shape}")
    if not is_graph:
        _build_subclass(model, input_shape)
    images = keras.Input(input_shape)
    outputs = model.compute_output_spec(images)
    network: keras.Model = model
    if isinstance(outputs, dict) and OUTPUT in outputs:
        network, outputs = _only_probabilities(model, images, outputs, owner, is_graph=is_graph), outputs[OUTPUT]
    expected = (None, 1 if num_classes == 2 else num_classes)
    shape = getattr(outputs, "shape", None)
    if shape is None:
        received = ", ".join(outputs) if isinstance(outputs, dict) else f"a {type(outputs).__name__}"
        raise PluginError(
            f"{owner}: expected one output, or a dict with one called {OUTPUT!r} among others, received {received}",
            hint=f'name them: keras.Model(inputs, {{"{OUTPUT}": cnnforge.head(x, num_classes), "other": …}})',
        )
    if tuple(shape) != expected:
        raise PluginError(
            f"{owner}: expected output shape {expected} for {num_classes} classes, received {tuple(shape)}",
            hint="end the network with cnnforge.head(x, num_classes)",
        )
    if trains_itself(network) or hasattr(network, "input_shape"):
        return network
    return keras.Model(images, network(images), name=network.name)  # which makes numbers of pixels, and can be saved so


def _build_subclass(model: keras.Model, input_shape: tuple[int, int, int]) -> None:
    """Give a subclass of keras.Model its layers' weights, which it has only once called, whatever ``built`` says."""
    call = model.call

    @wraps(call)
    def call_with_numbers(images: Any, *arguments: Any, **keywords: Any) -> Any:
        return call(keras.ops.cast(images, "float32"), *arguments, **keywords)

    if trains_itself(model):  # what its own training step is given are pixels, which few layers take
        vars(model)["call"] = call_with_numbers
    if not model.built:
        model(keras.Input(input_shape), training=False)
        finalize_constants(model)  # which Keras made within a graph that is gone
    model(keras.ops.zeros((1, *input_shape)), training=False)


def _only_probabilities(
    model: keras.Model, images: keras.KerasTensor, outputs: dict[str, keras.KerasTensor], owner: str, *, is_graph: bool
) -> keras.Model:
    """Return a network without its other outputs: no loss trains them, but what they add to the loss themselves."""
    if trains_itself(model):
        raise PluginError(
            f"{owner}: expected a network that computes its own loss to have one output, received {', '.join(outputs)}",
            hint="let it return the probabilities alone, and call self.add_loss in its call for what the others teach",
        )
    whole = keras.Model(images, model(images)[OUTPUT], name=model.name)
    if not is_graph:
        return whole
    model(keras.ops.zeros((1, *images.shape[1:])))  # what layers add to the loss is known once they were called
    part = keras.Model(model.inputs[0], keras.tree.pack_sequence_as(outputs, model.outputs)[OUTPUT], name=model.name)
    return whole if len(model.losses) > len(part.losses) else part


@contextmanager
def _dtype_policy(policy: str) -> Iterator[None]:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
