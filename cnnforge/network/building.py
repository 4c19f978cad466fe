"""Building the network of a recipe and checking that it keeps the contract of architectures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras

from cnnforge.errors import CnnforgeError, PluginError, RecipeError
from cnnforge.host import ArchitectureSpec, Entry, Options, import_deferred
from cnnforge.network import components
from cnnforge.network.pretrained import weights_follow
from cnnforge.network.weights import load_weights
from cnnforge.recipe import ResolvedRecipe


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
    with _dtype_policy(policy):
        try:
            model = build(options, input_shape=input_shape, num_classes=num_classes)
        except CnnforgeError:
            raise
        except ValueError as error:
            raise RecipeError(f"{owner} cannot be built: {error}") from error
        except Exception as error:
            raise PluginError(f"{owner} failed: {type(error).__name__}: {error}") from error
    _check(model, input_shape, num_classes, owner)
    return model


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


def _check(model: object, input_shape: tuple[int, int, int], num_classes: int, owner: str) -> None:
    if not isinstance(model, keras.Model):
        raise PluginError(f"{owner}: expected a keras.Model, received {type(model).__name__}")
    if not model.built:
        raise PluginError(f"{owner}: expected a model that is built, received one without an input shape")
    expected = (None, 1 if num_classes == 2 else num_classes)
    if tuple(model.output_shape) != expected:
        raise PluginError(
            f"{owner}: expected output shape {expected} for {num_classes} classes, received {model.output_shape}",
            hint="end the network with cnnforge.head(x, num_classes)",
        )
    if tuple(model.input_shape) not in {(None, *input_shape), (None, None, None, input_shape[2])}:
        raise PluginError(f"{owner}: expected input shape {(None, *input_shape)}, received {model.input_shape}")
    if model.compiled:
        raise PluginError(f"{owner}: expected a model that is not compiled; the recipe decides how it is trained")


@contextmanager
def _dtype_policy(policy: str) -> Iterator[None]:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
