"""Each check of the contract of explainers finds its fault and says what to do."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import pytest

import cnnforge
from cnnforge_explain.testing import ExplainerContract


def zeros(model, images, classes):
    return np.zeros(images.shape[:3])


def one_map_for_all(model, images, classes):
    return np.zeros(images.shape[1:3])


def colours(model, images, classes):
    return images[..., 0] / 255 if images.shape[-1] == 3 else images[..., 3]


def average_of_all(model, images, classes):
    return np.broadcast_to(images.mean(axis=(0, 3)) / 255, images.shape[:3])


def changes_weights(model, images, classes):
    model.set_weights([weight * 2 for weight in model.get_weights()])
    return zeros(model, images, classes)


def changes_images(model, images, classes):
    images[:] = 0
    return zeros(model, images, classes)


def contract(function: Callable) -> tuple[ExplainerContract, Callable]:
    """Return the contract of a function of this module, and what the fixture ``explain`` gives its tests."""
    spec = cnnforge.ExplainerSpec(name="tested", title="Tested", explain=f"{__name__}:{function.__name__}")
    made = type("Contract", (ExplainerContract,), {"spec": spec})()
    return made, ExplainerContract.explain.__wrapped__(made)


def test_a_sound_explainer_passes():
    made, explain = contract(zeros)
    made.test_gives_a_map_for_each_image_and_class(explain, 2, 1)
    made.test_images_are_explained_alike_alone_and_together(explain)
    made.test_leaves_network_and_images_as_they_are(explain)


@pytest.mark.parametrize(
    ("function", "problem"),
    [
        (one_map_for_all, r"expected maps of shape \(4, 24, 20\), received \(24, 20\)"),
        (colours, "IndexError"),
    ],
)
def test_what_is_no_map_for_each_image_fails(function, problem):
    made, explain = contract(function)
    with pytest.raises(pytest.fail.Exception, match=problem):
        made.test_gives_a_map_for_each_image_and_class(explain, 3, 1)


def test_images_that_are_explained_together_alone_fail():
    made, explain = contract(average_of_all)
    with pytest.raises(pytest.fail.Exception, match="no average over the images given"):
        made.test_images_are_explained_alike_alone_and_together(explain)


@pytest.mark.parametrize(
    ("function", "problem"),
    [(changes_weights, "the network gives other probabilities afterwards"), (changes_images, "the images are changed")],
)
def test_changes_are_found(function, problem):
    made, explain = contract(function)
    with pytest.raises(pytest.fail.Exception, match=problem):
        made.test_leaves_network_and_images_as_they_are(explain)
    keras.backend.clear_session()
