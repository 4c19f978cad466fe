"""Checks of a network that is being trained."""

from __future__ import annotations

import keras
import numpy as np

from cnnforge.testing.failure import fail
from cnnforge.testing.network import Network, lesson, noise, outputs_of
from cnnforge.testing.network_checks import check_range

LEARNING_RATES = (1e-3, 1e-2, 1e-4)
NUM_STEPS = 60
_ENOUGH = 0.9


def check_precision(network: Network, policy: str) -> None:
    """Check that a step of training works in a precision, with weights and output in float32."""
    model = network.build(policy=policy)
    narrow = sorted({v.dtype for v in model.trainable_variables} - {"float32"})
    if narrow:
        fail(f"under {policy} weights are {', '.join(narrow)}, expected float32", "leave the dtype of weights to Keras")
    if (dtype := outputs_of(model, noise(model)).dtype) != np.float32:
        fail(
            f"under {policy} the output is {dtype}, expected float32",
            "end with cnnforge.head, or give the last layer dtype='float32': bfloat16 cannot tell 0.999 from 1",
        )
    loss = _compiled(model, 1e-3).train_on_batch(*lesson(model))
    if not np.isfinite(np.asarray(loss)).all():
        fail(f"under {policy} the loss of the first step is {loss}", "look for numbers that bfloat16 cannot hold")


def check_every_weight_learns(network: Network) -> None:
    """Check that gradients are finite and reach every trainable weight, and that the output stays probabilities."""
    model = network.build()
    before = _values(model)
    if not before:
        fail("the network has no trainable weight", "freeze the backbone at most: the head must learn")
    _compiled(model, 1e-2)
    for _ in range(3):  # what drops whole blocks at random may pass over one of them once
        model.train_on_batch(*lesson(model))
    after = _values(model)
    if not all(np.isfinite(value).all() for value in after.values()):
        fail("after three steps weights are not finite numbers", "scale images inside the model: they come as 0 to 255")
    idle = [path for path, value in after.items() if np.array_equal(value, before[path])]
    if idle:
        fail(
            f"no gradient reaches {', '.join(idle)}",
            "connect it with the output, or if it is meant to be frozen set layer.trainable = False",
        )
    check_range(outputs_of(model, noise(model)), "after three steps ")


def check_repeats(network: Network) -> None:
    """Check that two trainings of one seed are the same whatever else the process draws at random."""
    trained = []
    for elsewhere in (1, 2):
        model = _compiled(network.build(seed=7), 1e-2)
        keras.utils.set_random_seed(elsewhere)  # of Python, NumPy and TensorFlow, which no checkpoint of a run holds
        for _ in range(3):
            model.train_on_batch(*lesson(model))
        trained.append(_values(model))
    pairs = zip(trained[0].items(), trained[1].values(), strict=True)  # names that Keras makes up differ
    if differing := [path for (path, value), other in pairs if not np.array_equal(value, other)]:
        fail(
            f"two trainings of one seed differ in {', '.join(differing)}",
            "draw with keras.random and a keras.random.SeedGenerator that the layer keeps, not with tf.random or NumPy:"
            " else no run can be repeated, or resumed as if it had not been interrupted",
        )


def check_learns_by_heart(network: Network) -> None:
    """Check that the network learns 16 images of three colours by heart."""
    best = 0.0
    for learning_rate in LEARNING_RATES:
        model = _compiled(network.build(), learning_rate)
        images, targets = lesson(model)
        for _ in range(NUM_STEPS):
            model.reset_metrics()
            best = max(best, float(model.train_on_batch(images, targets, return_dict=True)["accuracy"]))
            if best > _ENOUGH:
                return
    fail(
        f"16 images of three colours are not learned in {NUM_STEPS} steps at any learning rate of {LEARNING_RATES},"
        f" accuracy {best:.2f} at best",
        "scale images inside the model (they come as 0 to 255), let the output depend on the image, freeze no more"
        " than the backbone",
    )


def _compiled(model: keras.Model, learning_rate: float) -> keras.Model:
    model.compile(keras.optimizers.Adam(learning_rate), "categorical_crossentropy", metrics=["accuracy"])
    return model


def _values(model: keras.Model) -> dict[str, np.ndarray]:
    return {f"{n} {v.path}": keras.ops.convert_to_numpy(v) for n, v in enumerate(model.trainable_variables)}
